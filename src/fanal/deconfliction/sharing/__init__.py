"""What may be shared with other organisations: the identifiers within limits, and withheld dossiers."""
