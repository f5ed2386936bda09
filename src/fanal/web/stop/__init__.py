"""The stop page: a small static site that people see instead of a blocked site."""
