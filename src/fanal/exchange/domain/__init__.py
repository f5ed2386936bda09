"""Pure rules of the exchange: which entries are served or fetched, and how a reader advances in the feed."""
