"""Write operations on several kinds of data: link a batch, record judgements, rebuild, erase."""
