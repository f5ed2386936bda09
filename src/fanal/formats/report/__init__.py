"""The report format of the partner API and of JSON lines."""
