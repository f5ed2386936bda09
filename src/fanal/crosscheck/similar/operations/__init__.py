"""Write operations on similar reports: the search, a portion of the queue at a time, and its tables."""
