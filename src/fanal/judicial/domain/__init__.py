"""Pure rules of judicial (referrals, intelligence sheets): no Django, no clock, no network."""
