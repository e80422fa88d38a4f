"""Transports: what moves parcels between two nodes. README.md is the specification."""
