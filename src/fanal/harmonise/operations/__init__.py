"""Writes of harmonisation: batches of reports, disclosure of a reporter's identity, erasure."""
