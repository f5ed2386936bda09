"""Statistics: figures, trends, yearly report."""
