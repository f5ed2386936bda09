"""Pages on dossiers: graph, judgements, related reports of a report, suggested links."""
