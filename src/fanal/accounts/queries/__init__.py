"""Reads of accounts: actors, partners, habilitations (grants of roles), names, instructions."""
