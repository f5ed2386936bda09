"""Reads of known material: lists with their votes, and their entries."""
