"""A value that is used here and written nowhere: keys, tokens, proxies with a password in them."""

from __future__ import annotations

from typing import Any, NoReturn

from ovms_doctor.model.text import HIDDEN


class Secret:
    """Holds a text that nothing shows: not ``repr``, ``str``, formatting, JSON or pickling, nor a copy of what it
    lies in. Only :meth:`open` gives it. Two are equal only where they are the same one, so that no comparison tells
    anything of what they hold."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def open(self) -> str:
        """The text itself; for who sends it to where it belongs."""
        return self.__value

    def __repr__(self) -> str:
        return HIDDEN

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
