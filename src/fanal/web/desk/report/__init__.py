"""One report: its page, the decision on it, duplicates, the reporter's identity, comparison with others."""
