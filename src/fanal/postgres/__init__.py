"""Launcher of the private PostgreSQL: standard library only."""
