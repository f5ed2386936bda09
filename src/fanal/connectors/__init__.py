"""Network clients: sending of mail (SMTP), partners' servers over https, single sign-on (OpenID Connect)."""
