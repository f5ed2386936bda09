"""Pure rules of this package: no Django, no clock, no network."""
