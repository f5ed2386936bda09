"""Stage 1: receive, seal, acknowledge; nothing is interpreted here."""
