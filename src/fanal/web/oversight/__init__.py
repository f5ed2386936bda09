"""Pages for the independent overseer of removal measures."""
