"""Removal request (LCEN art. 6-1): the official act of the measures package."""
