"""Conversion of each source format to a `Draft`, a report in the common fields: a module for each format."""
