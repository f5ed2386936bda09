"""Pure rules of the reception of reports: receipts, idempotency keys, back-pressure; no clock, no network."""
