"""Stage 1: reception of reports: seal, acknowledge, queue. Nothing is interpreted here."""
