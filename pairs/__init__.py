"""Pairs of a source and a target, one file each."""
