"""The `fanal` command."""
