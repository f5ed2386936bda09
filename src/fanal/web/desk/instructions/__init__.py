"""Standing instructions at the desk: what leaves by itself, and who signed it."""
