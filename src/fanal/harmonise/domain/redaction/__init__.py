"""Redaction of reports: removal of the reporter's identity from records, search texts and shared reports."""
