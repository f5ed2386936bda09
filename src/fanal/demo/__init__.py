"""Synthetic demo data: a year of a desk's activity, created by the same operations as real data."""
