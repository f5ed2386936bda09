"""Distribution: reports for other countries' or regions' desks, planned by rules, encrypted, acknowledged."""
