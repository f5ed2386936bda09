"""The notice to a provider: an act for content that a removal request does not reach (DSA art. 16 and 22)."""
