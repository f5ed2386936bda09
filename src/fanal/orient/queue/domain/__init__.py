"""What the queue is, without a database: filters as conditions, views as index ranges, facts of a row."""
