"""Calls for a child in danger: a process of its own, which waits for no stage, schedule or partner."""
