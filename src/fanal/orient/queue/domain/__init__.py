"""The queue as pure functions, without a database: filters as SQL conditions, views as index ranges."""
