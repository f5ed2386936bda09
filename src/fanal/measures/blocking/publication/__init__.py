"""Publication of the blocking list: numbered versions in a folder, and copies at name servers."""
