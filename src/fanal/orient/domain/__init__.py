"""Records, states and legal rules of orientation, as pure functions. No Django, no clock, no network."""
