"""Encrypted evidence store: a public node can seal (encrypt) objects and never open (decrypt) them."""
