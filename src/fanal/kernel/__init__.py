"""Basic types of all packages: clock, ids, states, actors. Imports the standard library only."""
