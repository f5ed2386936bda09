"""Dossiers: reports that belong together, by certain links and people's judgements."""
