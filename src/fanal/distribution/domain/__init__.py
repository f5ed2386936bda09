"""Pure rules and data formats of distribution."""
