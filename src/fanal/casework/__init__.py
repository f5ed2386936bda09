"""Casework: the shared basis of every kind of official act (lifecycle, document, steps, approval, expiry)."""
