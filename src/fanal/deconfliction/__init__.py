"""Deconfliction: two organisations learn which identifiers both hold, by private set intersection."""
