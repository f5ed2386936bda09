"""Fanal's own report format, for the partner API and JSON lines."""
