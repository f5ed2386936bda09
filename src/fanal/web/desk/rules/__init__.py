"""Law and rules as pages; priority rule sets, drafted, tried and put in force."""
