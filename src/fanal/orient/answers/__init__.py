"""Answers that reporters send to the desk: which nobody has read yet, and who read them."""
