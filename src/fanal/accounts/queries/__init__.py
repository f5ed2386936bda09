"""Reads of accounts: actors, partners, habilitations, names, instructions."""
