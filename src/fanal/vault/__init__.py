"""Sealed evidence: bytes that a public node can seal and never open."""
