"""Pure rules of the accounts package: no Django, no clock, no network."""
