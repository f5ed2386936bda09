"""Hash sharing, version 2: entries of lists of known material as XML, both ways."""
