"""Writes of folding: on arrival, when a head leaves, and by a person's judgement."""
