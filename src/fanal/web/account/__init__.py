"""Sign-in, second factor, own account, habilitations; and the guard that every route passes."""
