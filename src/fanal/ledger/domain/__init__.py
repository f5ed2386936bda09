"""Pure rules of the ledger (encoding, Merkle tree, checkpoints): no Django, no clock, no network."""
