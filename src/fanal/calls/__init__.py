"""Alarm calls: e-mails about a child in danger to the people on duty, sent by a process of their own.

This process is independent of the processing stages and of partners.
"""

NUMBER_VARIABLE = "FANAL_CALLER"
"""Variable with the number under which `fanal run` reads this process's sign of life; set by no operator."""
