"""Suite to jobs to records."""
