"""The users' guides as pages of the installation itself, in both languages."""
