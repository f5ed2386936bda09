"""From each outside format to a draft of the one shape: pure functions, one module a format."""
