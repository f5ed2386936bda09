"""Administrative measures against illegal content: removal, blocking, dereferencing."""
