"""Find, describe and watch plug-ins."""
