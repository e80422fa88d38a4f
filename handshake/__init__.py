"""Pairing and keys: the handshake's documents, its state table, and the key ring. Imports nothing of ours."""
