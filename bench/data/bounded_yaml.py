"""YAML of a bounded size: whatever a suite, a results folder or a label folder holds is read by this."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from bench.api import bounds

UNREADABLE = (yaml.YAMLError, ValueError, OverflowError, RecursionError)
"""What :func:`load_bounded` raises for text that it does not read."""


def load_bounded(text: str, most_nodes: int = bounds.SUITE_NODES, texts: bool = False) -> Any:
    """What ``yaml.safe_load`` gives, of at most ``most_nodes`` keys, values and entries; ``texts``: as texts alone.

    Raises
    ------
    UNREADABLE: no YAML, a key that stands twice, or larger or nested deeper than :mod:`bench.api.bounds` allows.
    """
    loader = _Bounded(text, most_nodes, texts)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


MERGE_TAG = "tag:yaml.org,2002:merge"
"""Of the key ``<<``, which takes over another mapping's keys and may be overridden."""


TOO_MANY = "it holds more than {:,} values, aliases counted in full"


class _Bounded(yaml.SafeLoader):
    """Safe YAML of a bounded size, in which a key that stands twice is an error.

    Plain YAML keeps the last of two keys and says nothing. An alias counts as all that it stands for: ten lines of
    aliases may stand for a thousand million values.
    """

    def __init__(self, stream: str, most_nodes: int, texts: bool) -> None:
        super().__init__(stream)
        self._texts = texts
        self._most_nodes = most_nodes
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        if self._texts and kind is yaml.ScalarNode and value is not None:
            return self.DEFAULT_SCALAR_TAG
        return super().resolve(kind, value, implicit)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > bounds.SUITE_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {bounds.SUITE_DEPTH} deep")
        if len(self._sizes) > self._most_nodes:
            raise yaml.YAMLError(TOO_MANY.format(self._most_nodes))
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and is_alias and id(node) not in self._sizes:
            raise yaml.YAMLError(f"an alias inside what it stands for, line {node.start_mark.line + 1}")
        if node is not None and not is_alias:
            self._sizes[id(node)] = self._size(node)
        return node

    def _size(self, node: yaml.Node) -> int:
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [one for pair in node.value for one in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        size = 1 + sum(self._sizes[id(child)] for child in children)
        if size > self._most_nodes:
            raise yaml.YAMLError(TOO_MANY.format(self._most_nodes))
        return size

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > bounds.SUITE_DIGITS:
            raise yaml.YAMLError(
                f"a number of {len(node.value)} characters, line {node.start_mark.line + 1}; "
                f"{bounds.SUITE_DIGITS} at most"
            )
        return int(super().construct_yaml_int(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE_TAG):
            if not isinstance(key, Hashable):
                raise yaml.YAMLError(f"a list or mapping as a key, line {node.start_mark.line + 1}")
            if key in seen:
                raise yaml.YAMLError(
                    f"key {str(key)[:80]!r} stands twice in one mapping, line {node.start_mark.line + 1}"
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Bounded.add_constructor("tag:yaml.org,2002:int", _Bounded.construct_yaml_int)
