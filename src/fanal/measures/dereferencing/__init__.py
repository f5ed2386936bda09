"""Dereferencing by search engines and directories (LCEN article 6-1): asked for, checked, lifted."""
