"""Network clients: mail, partners over https, single sign-on."""
