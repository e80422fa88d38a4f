"""The loops: one task for each link, what wakes it, and when it rests."""
