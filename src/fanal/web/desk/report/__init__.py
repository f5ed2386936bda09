"""Pages on one report: content, decision, duplicates, the reporter's identity, comparison with others."""
