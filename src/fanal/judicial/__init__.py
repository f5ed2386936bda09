"""The judicial line of action (track): referrals to prosecutors, intelligence sheets, and their outcome."""
