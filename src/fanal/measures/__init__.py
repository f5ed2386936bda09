"""Administrative measures: removal, blocking, dereferencing."""
