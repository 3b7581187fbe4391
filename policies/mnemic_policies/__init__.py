"""Policies for the guard, and the JSON schema by which editors complete and check them: data that imports nothing."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["names", "read", "read_schema"]


def names() -> tuple[str, ...]:
    """The names of the policies that come with mnemic."""
    return tuple(sorted(entry.name[:-5] for entry in files(__name__).iterdir() if entry.name.endswith(".yaml")))


def read(name: str) -> bytes:
    """The file of the policy called ``name``, one of `names`."""
    return (files(__name__) / f"{name}.yaml").read_bytes()


def read_schema() -> bytes:
    """The JSON schema of all policies."""
    return (files(__name__) / "schema" / "policy.schema.json").read_bytes()
