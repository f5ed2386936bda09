"""Distribution at the desk: what waits for another desk, the packages that left, and a report's own."""
