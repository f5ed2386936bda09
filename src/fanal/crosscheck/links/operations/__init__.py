"""Write operations on links: find the reports that share values with a batch, and store the results."""
