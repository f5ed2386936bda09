"""Stage 3, analysis: known material, signals in text, payments, and a priority; each result explained."""
