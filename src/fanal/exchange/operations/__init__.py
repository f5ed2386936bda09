"""Writes of the exchange: serving, members and votes, sources, fetched pages."""
