"""THE DEMO: two companies' trackers, filled with made-up or pseudonymised issues, kept equal by two nodes."""
