"""Pure rules of casework (lifecycles, documents, letters, proofs): no Django, no clock, no network."""
