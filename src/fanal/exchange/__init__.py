"""Exchange of lists of known material with partners: served to members, fetched from sources."""
