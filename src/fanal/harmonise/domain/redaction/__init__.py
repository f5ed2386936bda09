"""What is kept apart: the reporter's identity, the words that are searched, what others receive."""
