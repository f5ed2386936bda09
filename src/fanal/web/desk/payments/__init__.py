"""Pages on payments: payers with a risk score, the transfers of a payer, intelligence sheets."""
