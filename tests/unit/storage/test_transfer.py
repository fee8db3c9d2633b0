"""Recordings on their way: sources and storages that misbehave, and what one transfer (test_transfer.c) makes of them."""
