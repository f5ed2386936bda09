"""Reads of accounts: actors, partners, habilitations (roles), names, standing instructions."""
