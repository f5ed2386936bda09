"""Rules and data formats of the distribution of reports to other desks. No Django, clock or network."""
