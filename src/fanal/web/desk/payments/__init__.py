"""Payment pages: scored payers, the transfers of a payer, intelligence sheets."""
