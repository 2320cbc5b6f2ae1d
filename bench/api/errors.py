"""Errors that are a user's or a plug-in's doing: one line each, no traceback."""

from __future__ import annotations


class UserError(Exception):
    """A mistake of the user's: one line (asked, found, allowed, what to do), never a traceback."""


class PluginError(Exception):
    """A plug-in broke its contract; the cell fails with this reason and the run goes on."""


class DataError(ValueError):
    """Data that breaks the contract; the message is one line for the user."""
