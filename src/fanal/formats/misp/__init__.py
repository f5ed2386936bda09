"""MISP events: reader and writer for indicators of known material and of reports."""
