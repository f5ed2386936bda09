"""What belongs to another desk goes there: planned by rules, sealed for it, acknowledged by it."""
