"""Write operations on labelled examples and on versions of the text reader; the version in force, loaded."""
