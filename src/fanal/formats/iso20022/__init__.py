"""ISO 20022: customer credit transfers (`pacs.008`) and account statements (`camt.053`)."""
