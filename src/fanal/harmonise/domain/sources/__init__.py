"""Conversion of each external format to a `Draft` of the common shape: pure functions, a module each."""
