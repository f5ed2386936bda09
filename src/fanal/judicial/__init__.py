"""The judicial track: referrals and their outcome."""
