"""A campaign of kills, damaged files, hostile plug-ins and bad inputs: ``python -m benchmarks.faults``."""
