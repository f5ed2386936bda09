"""Writes of known material: lists, imports, votes, suspensions, and the index derived from them."""
