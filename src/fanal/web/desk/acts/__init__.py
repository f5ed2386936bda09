"""Official acts: pages, lists and documents of every kind; measures, notices, referrals."""
