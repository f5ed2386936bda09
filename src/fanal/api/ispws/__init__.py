"""NCMEC-compatible XML wire."""
