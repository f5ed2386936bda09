"""Pure rules of the orient package: no Django, no clock, no network."""
