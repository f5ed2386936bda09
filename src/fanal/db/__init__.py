"""A process's database connection: its conditions and guards, and short functions for SQL statements."""
