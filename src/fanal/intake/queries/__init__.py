"""Reads of intake: envelopes, statuses, decrypted bytes for authorised use."""
