"""What every process asks of its database before it works with it."""
