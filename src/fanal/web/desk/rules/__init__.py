"""Pages on law and rules: reference data, priority rule sets (draft, dry run, activation), text models."""
