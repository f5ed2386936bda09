"""NCMEC CyberTipline reports, XML and JSON."""
