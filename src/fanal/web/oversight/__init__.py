"""Pages for the independent overseer."""
