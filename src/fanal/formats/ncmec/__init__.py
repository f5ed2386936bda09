"""NCMEC CyberTipline reports in XML: reading, rewriting, writing, and the protocol's answers."""
