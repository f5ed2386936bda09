"""Sign-in, second factor, the person's own account, habilitations; and the guard of every route."""
