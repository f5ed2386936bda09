"""Notice to a provider, for content outside the scope of a removal request (DSA art. 16 and 22)."""
