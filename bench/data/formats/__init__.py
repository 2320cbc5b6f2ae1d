"""Formats in which users keep images and labels, one file each."""

from bench.data.formats.recognise import (
    ALL_FORMATS,
    FORMATS,
    GENERIC,
    HEIC,
    LABEL_TEXTS,
    UNREAD,
    Options,
    Resize,
    format_title,
    of_images,
    other_size,
    photographs,
    plain,
    recognise,
    recognise_any,
)

__all__ = [
    "ALL_FORMATS",
    "FORMATS",
    "GENERIC",
    "HEIC",
    "LABEL_TEXTS",
    "UNREAD",
    "Options",
    "Resize",
    "format_title",
    "of_images",
    "other_size",
    "photographs",
    "plain",
    "recognise",
    "recognise_any",
]
