"""Write operations on labelled examples, versions of the text reader, and the queue of texts to read."""
