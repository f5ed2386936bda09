"""Pages on official acts (removal requests, blockings, notices, referrals, …) and their addressees."""
