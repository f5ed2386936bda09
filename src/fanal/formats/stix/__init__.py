"""STIX 2.1: indicators of known material, and of what a report holds, in and out."""
