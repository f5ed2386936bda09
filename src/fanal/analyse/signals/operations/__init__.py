"""Writes of labelled examples, versions of the text reader (a trained model), and its queue of texts."""
