"""Dossiers and what suggests them: graph, judgements, related reports, suggested links."""
