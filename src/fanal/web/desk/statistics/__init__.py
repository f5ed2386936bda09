"""Statistics at the desk: figures with their definition, charts with their table, files beside."""
