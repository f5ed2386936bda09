"""Pure part of statistics: definitions, months, changes of level, suppression of small numbers, tables."""
