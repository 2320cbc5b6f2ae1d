"""Suites: YAML files, and what reads them."""
