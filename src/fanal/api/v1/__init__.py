"""Partner API, version 1: JSON endpoints to submit and follow reports and to read the desk's feedback."""
