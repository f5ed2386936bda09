"""Pure rules and shapes of distribution."""
