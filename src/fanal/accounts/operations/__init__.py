"""Writes of accounts: people, habilitations (grants of roles), partners, instructions, demo."""
