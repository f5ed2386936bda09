"""Pure rules of accounts (access policy, records, standing instructions): no Django, no clock, no network."""
