"""Writes of the vault: sealing (encryption), opening (decryption), erasure, rewrapping of keys."""
