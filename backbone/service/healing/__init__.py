"""What makes both sides one again, and shows that they are: audit, repair, restore and resync."""
