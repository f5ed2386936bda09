"""Records that the analysis publishes, and their encoding. Pure: no Django, no clock, no network."""
