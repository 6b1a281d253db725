"""Settings from YAML: strictly onto frozen dataclasses, every problem named at once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from sovits_tts.errors import ConfigError

T = TypeVar("T")
_MAX_BYTES = 1 << 20  # a settings file is a page of text


class _Loader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys without a word; here that is an error."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.SequenceNode | yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a name", key.start_mark)
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError when it is missing, too large, malformed or no mapping."""
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} has {path.stat().st_size} bytes; a settings file has at most {_MAX_BYTES}.")
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ConfigError(f"There is no settings file {path}.") from None
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not readable YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds a {type(data).__name__}; settings are `name: value` lines.")
    return data


def load(cls: type[T], path: str | os.PathLike[str]) -> T:
    """Read a settings file as the dataclass `cls`. Raises ConfigError naming the file and everything wrong in it."""
    return parse(cls, read_yaml(path), source=str(path))


def parse(cls: type[T], data: Mapping[str, Any], *, source: str = "The settings") -> T:
    """Plain data -> the dataclass `cls`, nested dataclasses and tuples included.

    Raises ConfigError that lists every unknown key with its nearest neighbour, and every value of a wrong type.
    """
    from pydantic import TypeAdapter, ValidationError

    problems = list(_unknown_keys(cls, data, ""))
    if not problems:
        try:
            return TypeAdapter(cls).validate_python(dict(data))
        except ValidationError as error:
            problems = [_describe(item) for item in error.errors(include_url=False)]
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError(f"{source}: {count}. {' '.join(problems)}")


def as_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain data that YAML can hold; `parse` reads it back."""
    return {item.name: _plain(getattr(config, item.name)) for item in fields(config)}


def dump(config: Any, path: str | os.PathLike[str]) -> None:
    """Write a dataclass as YAML, in the order of its fields."""
    Path(path).write_text(yaml.safe_dump(as_dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return as_dict(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, os.PathLike) else value


@cache
def _field_types(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls)}


def _unknown_keys(cls: Any, data: Mapping[str, Any], prefix: str) -> list[str]:
    """A sentence for each key that `cls` lacks, nested dataclasses included."""
    types = _field_types(cls)
    problems = []
    for key, value in data.items():
        if key not in types:
            near = difflib.get_close_matches(str(key), types, n=1, cutoff=0.5)
            guess = f"did you mean {prefix}{near[0]}?" if near else f"known are {', '.join(types)}."
            problems.append(f"{prefix}{key} is unknown: {guess}")
        elif isinstance(value, Mapping) and get_origin(types[key]) is dict:
            inner = get_args(types[key])[1]
            if isinstance(inner, type) and is_dataclass(inner):
                for name, item in value.items():
                    problems += (
                        _unknown_keys(inner, item, f"{prefix}{key}.{name}.") if isinstance(item, Mapping) else []
                    )
        elif isinstance(value, Mapping):
            for inner in (types[key], *get_args(types[key])):  # a dataclass, or one in "X | None"
                if isinstance(inner, type) and is_dataclass(inner):
                    problems += _unknown_keys(inner, value, f"{prefix}{key}.")
    return problems


def _describe(item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"{name} is missing."
    shown = repr(item["input"])
    return f"{name} is {shown[:60]}: {item['msg'][0].lower()}{item['msg'][1:]}."
