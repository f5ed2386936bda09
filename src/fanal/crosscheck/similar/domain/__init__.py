"""Rules of similarity and of suggestions as pure functions. No Django, no clock, no network."""
