"""Pure rules of removal measures: drafts, deadlines, letters, oversight. No Django, clock or network."""
