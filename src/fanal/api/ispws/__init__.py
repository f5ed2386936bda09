"""NCMEC-compatible reporting service: XML documents and file uploads."""
