"""Sign-in, second factor, the person's own account, habilitations (roles); and the guard of every route."""
