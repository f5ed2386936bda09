"""Dereferencing: search engines and directories must no longer list addresses (LCEN article 6-1)."""
