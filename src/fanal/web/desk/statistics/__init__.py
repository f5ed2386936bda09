"""Statistics pages: figures with their definitions, charts with their tables, downloads."""
