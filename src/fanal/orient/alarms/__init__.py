"""Alarms for a child in danger, and the outbox of the calls (e-mails) that they queue."""
