"""Reports of a provider under article 13 of the proposal COM(2022)209: not in force."""
