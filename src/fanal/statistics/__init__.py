"""Figures, trends, yearly report."""
