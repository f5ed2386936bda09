"""`/taxii2`: shareable lists as read collections of a TAXII 2.1 server."""
