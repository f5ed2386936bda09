"""Composition root of the Django processes: settings, URL routes, keys, database, dependency injection."""
