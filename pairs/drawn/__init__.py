"""Generators of drawn images."""
