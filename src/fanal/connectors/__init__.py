"""The network: mail, DNS, partners."""
