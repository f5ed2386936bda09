"""Writes of links: what a batch shares with the stored reports, and the rows."""
