"""Standing instructions: permissions for automatic sending, approved by two people."""
