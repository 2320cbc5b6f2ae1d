"""``python -m bench``: one file per command."""

from bench.cli.app import (
    app,
    main,
)

__all__ = [
    "app",
    "main",
]
