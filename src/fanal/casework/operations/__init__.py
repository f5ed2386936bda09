"""Writes of official acts: locks, steps, approvals, proofs, and the acts that a decision opens."""
