"""Synthetic demo data: a year of a desk's activity, created only through the operations."""
