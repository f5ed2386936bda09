"""People, organisations, roles, habilitations (formal grants of a role) and the access-control policy."""
