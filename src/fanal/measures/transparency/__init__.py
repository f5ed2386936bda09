"""Public log of blinded commitments to measures and list versions: writing, verification, openings."""
