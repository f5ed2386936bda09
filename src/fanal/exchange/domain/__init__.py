"""What is served and fetched, and how a reader moves through it: pure."""
