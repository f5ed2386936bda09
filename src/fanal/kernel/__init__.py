"""Clock, ids, states and actors: the standard library only."""
