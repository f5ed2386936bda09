"""The judicial track: referrals to prosecutors, intelligence sheets, and their outcome."""
