"""Pages of de-confliction: other organisations (counterparts) and rounds, matches, withheld dossiers."""
