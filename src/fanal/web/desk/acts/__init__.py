"""Pages on official acts: removal measures, notices, referrals; their lists and documents."""
