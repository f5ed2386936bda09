"""Folding (duplicate detection): equivalent reports become one row of the desk's queue."""
