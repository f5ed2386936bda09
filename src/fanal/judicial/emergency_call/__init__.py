"""Call to the emergency services for a child in danger, an official act of its own."""
