"""Notifications of people: what concerns their work, on a page and by mails without content."""
