"""How a link begins and ends: made, offered, joined, accepted, checked, revoked."""
