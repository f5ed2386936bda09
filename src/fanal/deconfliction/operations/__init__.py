"""Writes of deconfliction: other organisations, limits, rounds, matches, withheld dossiers, expiry."""
