"""Template tags and fragments that every page shares."""
