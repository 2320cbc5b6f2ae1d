"""A user's own two folders as a pair."""
