"""Values in canonical form: addresses, accounts, handles, hashes, times; and those found in texts."""
