"""A second labelled world of reports, with habits, names and frequencies of its own."""
