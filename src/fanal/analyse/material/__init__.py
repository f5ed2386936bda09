"""Known material: lists of hashes and addresses, votes on them, and the search among millions."""
