"""Pure rules of the intake package: no Django, no clock, no network."""
