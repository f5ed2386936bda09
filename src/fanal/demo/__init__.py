"""The synthetic demo: a year of a desk's life, made through the operations only."""
