"""Rules of known material as pure functions: lists, votes, search. No Django, no clock, no network."""
