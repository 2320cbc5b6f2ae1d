"""Errors caused by a user or a plug-in: one line each, without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """A user's mistake, reported in one line (asked, found, allowed, what to do) without a traceback."""


class PluginError(Exception):
    """A plug-in broke its contract; the cell fails with this reason and the run goes on."""


class DataError(ValueError):
    """Data that violates the contract; the message is one line for the user."""
