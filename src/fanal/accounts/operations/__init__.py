"""Writes of accounts: people, habilitations (grants of roles), partners, standing instructions, demo."""
