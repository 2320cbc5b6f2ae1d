"""Measurements and galleries, written beside the records."""
