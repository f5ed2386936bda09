"""Rules on payments as pure functions: typologies, indicators, scores. No Django, no clock, no network."""
