"""Stage 3: known material, signals, priority, each explained."""
