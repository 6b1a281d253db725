"""Translates parameter names both ways by a table of rules; a name that no rule covers is an error.

A rule pairs two module paths and the leaves below them. `{i}` and `{j}` stand for an index, the same on both sides:

    Rule("layers.{i}.up", "h.layers.{i}.linear1", {"weight": "weight", "bias": "bias"})
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sovits_tts.errors import CheckpointError


@dataclass(frozen=True)
class Rule:
    """ours: module path in this project; theirs: in the other program; leaves: ours -> theirs, in their order."""

    ours: str
    theirs: str
    leaves: Mapping[str, str]


def _join(module: str, leaf: str) -> str:
    return f"{module}.{leaf}" if module and leaf else module or leaf


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template)
    for index in "ij":
        escaped = escaped.replace(re.escape("{" + index + "}"), rf"(?P<{index}>0|[1-9]\d*)")
    return re.compile(escaped)


class Table:
    """Rules of one network.

    dropped: regular expressions of their names that we have no use for
    aliases: (regular expression, replacement) applied to their names first: other spellings of the same thing
    """

    def __init__(
        self,
        network: str,
        rules: Sequence[Rule],
        dropped: Sequence[str] = (),
        aliases: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.network = network
        pairs = [(_join(rule.ours, a), _join(rule.theirs, b)) for rule in rules for a, b in rule.leaves.items()]
        self._to_ours = [(_pattern(theirs), ours) for ours, theirs in pairs]
        self._to_theirs = [(_pattern(ours), theirs) for ours, theirs in pairs]
        self._dropped = [re.compile(pattern) for pattern in dropped]
        self._aliases = [(re.compile(pattern), replacement) for pattern, replacement in aliases]
        self._order: dict[str, Any] = {}
        for _, theirs in pairs:
            node = self._order
            for part in theirs.split("."):
                node = node.setdefault("{}" if part.startswith("{") else part, {})

    def to_ours(self, name: str) -> str | None:
        """Our name of their parameter; None for one we drop. Raises CheckpointError for an unknown name."""
        for pattern, replacement in self._aliases:
            name = pattern.sub(replacement, name)
        if any(pattern.fullmatch(name) for pattern in self._dropped):
            return None
        return self._translate(name, self._to_ours)

    def to_theirs(self, name: str) -> str:
        """Their name of our parameter. Raises CheckpointError for an unknown name."""
        return self._translate(name, self._to_theirs)

    def _translate(self, name: str, rules: list[tuple[re.Pattern[str], str]]) -> str:
        for pattern, template in rules:
            match = pattern.fullmatch(name)
            if match:
                return template.format(**match.groupdict())
        raise CheckpointError(
            f"{name!r:.120} is not a parameter of the {self.network}.",
            hint="The file belongs to another network or another version of it.",
        )

    def knows(self, name: str) -> bool:
        """Whether a rule covers their name (dropped or not)."""
        try:
            self.to_ours(name)
        except CheckpointError:
            return False
        return True

    def rename_to_ours(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """All of a state dict; two names that become one are an error."""
        renamed: dict[str, Any] = {}
        for name, value in weights.items():
            ours = self.to_ours(name)
            if ours in renamed:
                raise CheckpointError(f"{name!r:.120} is in the file twice, under two spellings.")
            if ours is not None:
                renamed[ours] = value
        return renamed

    def rename_to_theirs(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """All of a state dict, in the order in which the other program's modules list their parameters."""
        renamed = {self.to_theirs(name): value for name, value in weights.items()}
        return {name: renamed[name] for name in self.in_their_order(renamed)}

    def in_their_order(self, names: Iterable[str]) -> list[str]:
        """Sorted as a walk through their module tree: rule order for names, numeric order for indices."""

        def key(name: str) -> list[int]:
            node, ranks = self._order, []
            for part in name.split("."):
                if part in node:
                    ranks.append(list(node).index(part))
                    node = node[part]
                else:
                    ranks.append(int(part))
                    node = node["{}"]
            return ranks

        return sorted(names, key=key)
