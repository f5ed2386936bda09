"""Write operations on known material: lists, imports, votes, suspensions, and the hash index of the lists."""
