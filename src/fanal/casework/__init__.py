"""Casework: what every kind of official act shares (lifecycle, document, steps, approval, expiry)."""
