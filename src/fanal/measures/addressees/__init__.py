"""The directory of the addressees of measures: hosts, access providers, search engines, registrars."""
