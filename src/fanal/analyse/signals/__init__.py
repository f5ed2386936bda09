"""Signals in the texts of reports: phrase rules, the text reader (a model), its examples and versions."""
