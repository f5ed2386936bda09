"""`/api/deconfliction`: interface for counterpart organisations to post and fetch de-confliction messages."""
