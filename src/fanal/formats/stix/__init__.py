"""STIX 2.1: reader and writer for indicators of known material and of reports."""
