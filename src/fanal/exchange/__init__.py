"""Exchange of lists of known material with partners: served to members, fetched from sources.

A member is an organisation that reads our lists; a source is a partner's service whose list we fetch.
"""
