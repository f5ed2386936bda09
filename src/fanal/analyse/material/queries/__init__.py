"""Queries on known material: lists with their votes, and their entries."""
