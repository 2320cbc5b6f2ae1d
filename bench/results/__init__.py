"""The files of a results folder, each read and written in one place."""
