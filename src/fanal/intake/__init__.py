"""Stage 1 of report processing, reception: reports are encrypted, acknowledged and queued, unread."""
