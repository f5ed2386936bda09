"""Writes of the exchange: serving of lists, votes of member organisations, sources, fetched pages."""
