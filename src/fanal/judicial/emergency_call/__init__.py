"""Emergency call: the recorded call to the emergency services for a child in danger, an official act."""
