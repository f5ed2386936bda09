"""Rules of the priority as pure functions: facts (inputs), rule sets, scores. No Django, clock, network."""
