"""Notifications under article 18 of the Digital Services Act."""
