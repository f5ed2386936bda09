"""Writes of deconfliction: counterparts, limits, the steps of a round, matches, expiry."""
