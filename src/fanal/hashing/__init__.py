"""Fingerprints of hostile bytes, taken in a child process that can reach nothing."""
