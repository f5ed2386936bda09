"""Hash sharing, version 2: reader and writer of list entries of known material in XML."""
