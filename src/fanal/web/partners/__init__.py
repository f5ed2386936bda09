"""Pages for partners (providers, laboratories)."""
