"""Write operations on several kinds of data: link a batch, record people's judgements, rebuild, erase."""
