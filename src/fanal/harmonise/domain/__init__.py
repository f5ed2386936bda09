"""Harmonisation of reports as pure functions: no Django, no clock, no network."""
