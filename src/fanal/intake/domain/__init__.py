"""Pure rules of intake: receipts, idempotency keys, back-pressure. No Django, no clock, no network."""
