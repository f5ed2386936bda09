"""The linkage rule as pure functions on columns, compiled by numba. No Django, no clock, no network."""
