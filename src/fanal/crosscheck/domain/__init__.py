"""Comparable data of reports (cards), weights and records of cross-check. No Django, no clock, no network."""
