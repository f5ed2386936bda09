"""De-confliction: two desks learn that they hold the same identifier, and nothing else."""
