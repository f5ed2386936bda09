"""Distribution pages: reports waiting for another desk, sent packages, the transfers of one report."""
