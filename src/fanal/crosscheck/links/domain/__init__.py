"""Links and document frequencies as pure functions. No Django, no clock, no network."""
