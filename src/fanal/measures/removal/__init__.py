"""Removal request (LCEN art. 6-1): the act that measures draft, record and lift."""
