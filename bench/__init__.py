"""realgain: does refining synthetic training images help a model on real ones?"""

__version__ = "0.1.0"
