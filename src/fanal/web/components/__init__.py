"""Template tags and fragments shared by all pages."""
