"""VICS, the JSON of Project VIC and of child abuse image databases: cases and hash sets."""
