"""What a change goes through: captured, recorded and numbered here; taken, ordered and applied there."""
