"""Answers of reporters in the conversation with the desk: which are unread, and who has read the others."""
