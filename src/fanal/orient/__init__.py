"""Stage 5 of a report's processing: the legal rules propose authority and legal basis; people decide."""
