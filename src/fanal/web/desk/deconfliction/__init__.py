"""Pages of de-confliction: counterparts and rounds, hits, and what is withheld of a dossier."""
