"""Stage 2: one shape for every source."""
