"""Stage 4, record linkage: links between reports, dossiers of linked reports, judgements by people."""
