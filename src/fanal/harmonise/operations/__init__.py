"""Writes of harmonise: batches of reports, disclosure of a reporter's identity, erasure."""
