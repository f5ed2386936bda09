"""Priority: facts of a report, rules that give points, and the life of a rule set."""
