"""Stage 4: links, dossiers, judgements."""
