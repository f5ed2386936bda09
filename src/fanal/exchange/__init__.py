"""Lists exchanged with partners: served to members, fetched from sources."""
