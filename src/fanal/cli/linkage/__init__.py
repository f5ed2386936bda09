"""Probable links between people, by a trained model that Splink runs on DuckDB or Spark."""
