"""Writes of accounts: people, habilitations, partners, instructions, demo."""
