"""Pure rules of referrals and intelligence sheets: no Django, no clock, no network."""
