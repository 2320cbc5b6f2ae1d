"""Generators of rendered image sets: scenes in two looks whose labels come from the renderer."""
