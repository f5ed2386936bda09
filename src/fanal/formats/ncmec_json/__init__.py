"""JSON that law enforcement receives from NCMEC."""
