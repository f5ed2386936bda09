"""Rules that read texts, as pure functions: phrases, ages, model. No Django, no clock, no network."""
