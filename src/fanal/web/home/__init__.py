"""The home page after sign-in, for each role, and the tour of five steps."""
