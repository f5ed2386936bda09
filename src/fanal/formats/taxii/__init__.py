"""TAXII 2.1: server resources, and reader and writer of envelopes of STIX 2.1 hash indicators."""
