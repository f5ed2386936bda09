"""Fanal: reporting and triage platform of a national desk against online child sexual exploitation."""

__version__ = "0.1.0"
