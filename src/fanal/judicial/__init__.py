"""Acts towards the judicial authorities: referrals to prosecutors, intelligence sheets, and their outcome."""
