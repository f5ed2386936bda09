"""Pure part of statistics: definitions, months, changes, hiding of small numbers, tables."""
