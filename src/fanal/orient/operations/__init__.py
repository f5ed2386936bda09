"""Write operations on several kinds of data: propose for a batch of reports, decide, note, erase."""
