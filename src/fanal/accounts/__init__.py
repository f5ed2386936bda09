"""People, organisations, roles, habilitations and the one policy."""
