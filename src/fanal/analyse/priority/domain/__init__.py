"""Rules of the priority as pure functions: facts, rule sets, scores. No Django, no clock, no network."""
