"""Append-only, verifiable audit log: a Merkle tree (RFC 6962) with a hash chain and signed checkpoints."""
