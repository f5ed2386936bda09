"""Blocking of host names by access providers (LCEN article 6-1): which names may be blocked."""
