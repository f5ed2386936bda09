"""`/api/deconfliction`: a counterpart hands in and fetches the messages of its rounds."""
