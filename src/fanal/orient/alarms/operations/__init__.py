"""Writes of alarms: raise, acknowledge, escalate; claim and record calls."""
