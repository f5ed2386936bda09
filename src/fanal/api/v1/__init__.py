"""Partner API, version 1."""
