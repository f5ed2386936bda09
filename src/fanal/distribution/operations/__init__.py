"""Writes of distribution: destinations, recipients and their keys, packages, acknowledgements."""
