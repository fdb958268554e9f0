"""Adapts docstrings for the reference; the source is not changed."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Shows examples as code, and fields as a list instead of a heading each."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rename the section of one object to the name that griffe looks for."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Move what the fields of a class say of themselves into its docstring."""
        fields = [member for member in cls.members.values() if _is_field(member)]
        if cls.docstring is None or cls.name.startswith("_") or not fields:
            return
        lines = [
            f"    {field.name} ({_type(field)}): {_text(field)}" for field in fields
        ]
        cls.docstring.value += "\n\nAttributes:\n" + "\n".join(lines)
        for field in fields:
            cls.del_member(field.name)


def _is_field(member: Any) -> bool:
    """Return whether a member is read, not called, and needs no example."""
    if member.name.startswith("_") or not _text(member) or "Example:" in _text(member):
        return False
    return bool(member.is_attribute or _is_cached_property(member))


def _is_cached_property(member: Any) -> bool:
    return member.is_function and any(
        str(decorator.value) == "cached_property" for decorator in member.decorators
    )


def _type(member: Any) -> object:
    return member.returns if member.is_function else member.annotation


def _text(member: Any) -> str:
    return (
        " ".join(member.docstring.value.split()) if member.docstring is not None else ""
    )
