"""Removal request (LCEN art. 6-1): an official act of the measures package, next to notices."""
