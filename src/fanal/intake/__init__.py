"""Stage 1 of report processing, reception: reports are sealed, acknowledged, queued, and not interpreted."""
