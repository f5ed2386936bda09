"""Pure rules of the vault (envelope encryption, records): no Django, no clock, no network."""
