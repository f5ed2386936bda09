"""Conditions and guards of a process's database connection, and short functions for SQL statements."""
