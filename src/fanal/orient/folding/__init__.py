"""Folding (duplicate detection): equivalent reports become one case of the desk's queue."""
