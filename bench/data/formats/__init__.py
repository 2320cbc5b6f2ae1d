"""Formats in which users keep images and labels, one file each."""

from bench.data.formats.recognise import (
    FORMATS,
    LABEL_TEXTS,
    UNREAD,
    Options,
    format_title,
    of_images,
    other_size,
    photographs,
    plain,
    recognise,
    recognise_any,
)

__all__ = [
    "FORMATS",
    "LABEL_TEXTS",
    "UNREAD",
    "Options",
    "format_title",
    "of_images",
    "other_size",
    "photographs",
    "plain",
    "recognise",
    "recognise_any",
]
