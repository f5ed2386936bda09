"""Outside formats: bytes to records and back, pure, one folder each."""
