"""Law, taxonomies and labels as dated, sourced data, and their reader."""
