"""What may stand at a place of a policy, read from the model."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from mnemic.guard.policy.model import Policy

Path = tuple[str | int, ...]


def known_keys(path: Path) -> tuple[str, ...]:
    """The keys that a mapping at ``path`` may have."""
    keys: dict[str, None] = dict.fromkeys(("extends",) if not path else ())
    for found in _at(path):
        if isinstance(found, type) and issubclass(found, BaseModel):
            keys.update(dict.fromkeys(_fields(found)))
    return tuple(keys)


def is_container(path: Path) -> bool:
    """Whether a mapping or list belongs at ``path``."""
    return any(
        get_origin(found) in (dict, tuple) or (isinstance(found, type) and issubclass(found, BaseModel))
        for found in _at(path)
    )


def _at(path: Path) -> list[Any]:
    here: list[Any] = [Policy]
    for step in path:
        here = [child for found in here for child in _children(found, step)]
    return here


def _children(found: Any, step: str | int) -> list[Any]:
    if isinstance(found, type) and issubclass(found, BaseModel):
        fields = _fields(found)
        return _alternatives(fields[step]) if isinstance(step, str) and step in fields else []
    if get_origin(found) is dict and isinstance(step, str):
        return _alternatives(get_args(found)[1])
    if get_origin(found) is tuple and isinstance(step, int):
        return _alternatives(get_args(found)[0])
    return []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _alternatives(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [one for part in get_args(annotation) if part is not NoneType for one in _alternatives(part)]
    return [annotation]
