"""Writes of the vault: sealing, opening, erasure, rewrapping of keys."""
