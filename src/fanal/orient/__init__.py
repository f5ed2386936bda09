"""Stage 5: proposals of the competent authority and legal basis of each report, then decisions by people."""
