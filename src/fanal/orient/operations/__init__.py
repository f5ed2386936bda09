"""Write operations on several kinds of data: orient a batch, decide, note, erase."""
