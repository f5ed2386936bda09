"""Queries on received reports: envelopes, statuses, decrypted bytes for authorised use."""
