"""Signals in the texts of reports: phrase rules, the trained text reader, its examples and versions."""
