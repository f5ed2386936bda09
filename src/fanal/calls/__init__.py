"""Calls for a child in danger: a process of its own, which waits for no stage, schedule or partner."""

NUMBER_VARIABLE = "FANAL_CALLER"
"""Variable of the number under which `fanal run` expects the sign of life; no setting of an operator."""
