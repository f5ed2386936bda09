"""Interfaces for programs, over HTTP.

The partner API (JSON), the reporting service compatible with NCMEC (XML), the services that share lists of
known material (hash sharing, TAXII), and de-confliction.
"""
