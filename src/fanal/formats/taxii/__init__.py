"""TAXII 2.1: resources of a server, and envelopes of hash indicators (STIX 2.1), both ways."""
