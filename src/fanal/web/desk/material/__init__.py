"""Pages on known material: lists of hashes and addresses, matches, exchange of lists with partners."""
