"""Generators and discriminators of the learned refiners, one file a network, written once.

Images are float32 ``(B, 3, H, W)`` in [−1, 1] inside this package. Width, depth and stride are parameters; defaults are
the papers' sizes. Nothing here knows losses, budgets or refiners.
"""
