"""Writes of deconfliction: counterparts, limits, rounds, matches, withheld dossiers, expiry."""
