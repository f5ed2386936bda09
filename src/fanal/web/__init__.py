"""Web pages (HTML) of Fanal, one folder per audience: public, desk, oversight, partners, and others."""
