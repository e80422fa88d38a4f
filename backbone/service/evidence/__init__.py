"""What can be proved to the partner, and to a third party: receipts, and the folder that holds them."""
