"""Known material: lists, matches, exchange of lists with partners."""
