"""Pure rules of the ledger package: no Django, no clock, no network."""
