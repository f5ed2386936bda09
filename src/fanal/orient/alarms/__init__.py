"""Alarms for a child in danger, and the outbox of the calls that they queue."""
