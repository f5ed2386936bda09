"""Append-only, verifiable log (RFC 6962)."""
