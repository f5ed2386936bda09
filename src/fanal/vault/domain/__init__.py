"""Pure rules of the vault package: no Django, no clock, no network."""
