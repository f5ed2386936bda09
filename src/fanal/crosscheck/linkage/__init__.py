"""Probabilistic record linkage of people (Fellegi–Sunter), by Splink on DuckDB or Spark."""
