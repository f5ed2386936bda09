"""Links between reports: their reasons, the document frequency of their values, their rows."""
