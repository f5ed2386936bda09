"""Write operations on similar reports: the search, for some queued reports at a time, and its tables."""
