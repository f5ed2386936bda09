"""Write operations of folding: group new reports, regroup when a head leaves the queue, take reports out."""
