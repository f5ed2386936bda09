"""Folding: equal reports are one case of the queue."""
