"""Hashes and PDQ fingerprints of hostile files, computed in sandboxed child processes."""
