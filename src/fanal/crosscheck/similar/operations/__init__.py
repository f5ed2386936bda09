"""Writes of similarity: the search in portions, and its tables."""
