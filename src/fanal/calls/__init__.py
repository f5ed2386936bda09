"""Alarm calls (e-mails) for a child in danger: a process independent of processing stages and partners."""

NUMBER_VARIABLE = "FANAL_CALLER"
"""Variable with the number under which `fanal run` reads this process's sign of life; set by no operator."""
