"""Blocking of host names by access providers (LCEN article 6-1): names, and the list in force."""
