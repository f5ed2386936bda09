"""Pages of de-confliction: counterparts and rounds, matches, dossiers withheld from counterparts."""
