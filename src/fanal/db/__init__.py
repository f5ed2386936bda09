"""A process's database connection: its conditions, guards and rights, and short functions for SQL."""
