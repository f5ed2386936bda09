"""Stage 5: who must act and on which legal basis: a proposal, then a decision."""
