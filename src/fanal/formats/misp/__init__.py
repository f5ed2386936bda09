"""MISP events: indicators of known material, and of what a report holds, in and out."""
