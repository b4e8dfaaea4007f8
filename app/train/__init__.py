"""The Train page: the form of a new run, and the runs."""
