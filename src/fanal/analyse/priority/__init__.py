"""Priority: facts of a report (inputs), rules that give points for them, and the life of a rule set."""
