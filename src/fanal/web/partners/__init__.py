"""Pages for partners, which are organisations that send reports or read lists, and for laboratories."""
