"""Links between reports: their reasons, the document frequency of shared values, and their storage."""
