"""XARF v4 reports of child sexual abuse material and exploitation (csam, csem)."""
