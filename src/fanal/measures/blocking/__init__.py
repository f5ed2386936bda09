"""Blocking of host names by access providers (LCEN article 6-1): the acts, and the list of blocked names."""
