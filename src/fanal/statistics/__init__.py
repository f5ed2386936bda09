"""Statistics: figures by day and month, weekly trends, public figures, yearly report."""
