"""A labelled world of reports and its judge, apart from the code that is judged."""
