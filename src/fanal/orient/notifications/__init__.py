"""Notifications to people of a desk about their work, on a page and in e-mails that give only a number."""
