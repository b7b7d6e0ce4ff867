"""A value that is used here and never written: keys, tokens, proxies with a password in them."""

from __future__ import annotations

from typing import Any, NoReturn

from ovms_doctor.model.text import HIDDEN


class Secret:
    """A text that is never shown: not by ``repr``, ``str``, formatting, JSON or pickling, nor in a copy of the
    object that has it. Only :meth:`open` returns it. Two secrets are equal only if they are the same object, so that
    a comparison reveals nothing about the text."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def open(self) -> str:
        """Returns the text itself, for code that sends it to its recipient."""
        return self.__value

    def __repr__(self) -> str:
        return HIDDEN

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
