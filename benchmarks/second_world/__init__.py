"""A second set of labelled reports, with habits, names and frequencies that differ from `truth`."""
