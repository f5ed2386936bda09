"""Parsing of identifiers and times to their canonical form, and their extraction from free texts."""
