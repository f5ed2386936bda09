"""The database connection of a process: checks and guards, privileges, row-level security, SQL functions."""
