"""Interfaces for programs: partner API, NCMEC-compatible reporting service, list services, deconfliction."""
