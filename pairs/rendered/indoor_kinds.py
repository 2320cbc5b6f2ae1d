"""The kinds of pieces of the pair `indoor`: the classes, and the builder of each kind."""

from __future__ import annotations

from collections.abc import Callable

from pairs.rendered import indoor_furniture as furniture
from pairs.rendered import indoor_objects as objects
from pairs.rendered.indoor_kit import Kit

CLASSES = ("wall", "floor", "ceiling", "window", "door", "table", "seat", "bed", "cabinet", "shelf", "lamp", "object")
Builder = Callable[[Kit, float, float, float], None]

BUILDERS: dict[str, tuple[str, Builder]] = {
    "table": ("table", furniture.table),
    "coffee_table": ("table", furniture.coffee_table),
    "side_table": ("table", furniture.side_table),
    "desk": ("table", furniture.desk),
    "chair": ("seat", furniture.chair),
    "office_chair": ("seat", furniture.office_chair),
    "stool": ("seat", furniture.stool),
    "pouf": ("seat", furniture.pouf),
    "sofa": ("seat", furniture.sofa),
    "armchair": ("seat", furniture.sofa),
    "bed": ("bed", furniture.bed),
    "tv_bench": ("cabinet", furniture.cabinet),
    "dresser": ("cabinet", furniture.cabinet),
    "nightstand": ("cabinet", furniture.cabinet),
    "wardrobe": ("cabinet", furniture.cabinet),
    "drawers": ("cabinet", furniture.cabinet),
    "worktop": ("cabinet", furniture.worktop),
    "sink": ("cabinet", furniture.sink),
    "cooker": ("cabinet", furniture.cooker),
    "fridge": ("cabinet", furniture.fridge),
    "hood": ("cabinet", furniture.hood),
    "wall_unit": ("cabinet", furniture.wall_unit),
    "bookshelf": ("shelf", furniture.bookshelf),
    "curtain": ("window", objects.curtain),
    "floor_lamp": ("lamp", objects.floor_lamp),
    "table_lamp": ("lamp", objects.table_lamp),
    "pendant": ("lamp", objects.pendant),
    "dome": ("lamp", objects.dome),
    "panel": ("lamp", objects.panel),
    "picture": ("object", objects.picture),
    "screen": ("object", objects.screen),
    "keyboard": ("object", objects.keyboard),
    "laptop": ("object", objects.laptop),
    "books": ("object", objects.books),
    "cup": ("object", objects.cup),
    "bowl": ("object", objects.bowl),
    "bottle": ("object", objects.bottle),
    "vase": ("object", objects.vase),
    "kettle": ("object", objects.kettle),
    "carton": ("object", objects.carton),
    "box": ("object", objects.box),
    "basket": ("object", objects.basket),
    "radiator": ("object", objects.radiator),
    "plant": ("object", objects.plant),
    "flowers": ("object", objects.flowers),
}
"""Kind of piece → its class and its builder."""
