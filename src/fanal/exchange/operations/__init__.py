"""Writes of the exchange: serving of lists, votes of member organisations, list sources, fetched pages."""
