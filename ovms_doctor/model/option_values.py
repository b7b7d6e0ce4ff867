"""Reads the text of an option: each function returns the value, or raises UsageError with the allowed values."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from typing import Any

from ovms_doctor.model.environment import read_pair
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.host import IMAGE_USER, User
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.option import Option, allowed_texts
from ovms_doctor.model.redaction import without_user
from ovms_doctor.model.text import redact_typed

#: The greatest id of a user or group: for the kernel the next number means "do not change".
GREATEST_ID = 2**32 - 2
#: The largest limit in bytes that an engine accepts (a signed number of 64 bits).
MOST_BYTES = 2**63 - 1
#: The most processes that inspect or load models at a time.
MOST_JOBS = 1024
#: The longest time limit in seconds: a day.
LONGEST_SECONDS = 86_400
#: How many characters of a wrong value a message repeats.
_SHOWN = 60


def read_value(text: str, hint: Any, option: Option, label: str) -> Any:
    """Returns the value of an option's ``text``, of its type ``hint``; of a tuple, one element. Raises UsageError,
    which begins with ``label`` if the option does not allow the text."""
    if option.parse is not None:
        return option.parse(text)
    allowed = allowed_texts(hint)
    if allowed and text not in allowed:
        raise UsageError(f"{label} is one of {', '.join(allowed)}, not {shortened(text)}")
    return text


def user(text: str) -> User:
    """Returns the user in ``UID[:GID[,GID…]]``. Without a group: the groups that Docker and the image assign to that
    user."""
    uid_text, colon, rest = text.partition(":")
    ids = [uid_text, *(rest.split(",") if colon else [])]
    if not all(re.fullmatch("[0-9]{1,10}", part) and int(part) <= GREATEST_ID for part in ids):
        raise UsageError(
            f"--user {shortened(text)}: write numbers up to {GREATEST_ID}, like 5000 or 5000:5000 or 5000:5000,39,44"
        )
    numbers = [int(part) for part in ids]
    # Docker assigns the group 0 to a user without a group, as does the image's own /etc/passwd to unknown ones.
    gid = numbers[1] if len(numbers) > 1 else (numbers[0] if numbers[0] == IMAGE_USER.uid else 0)
    return User(numbers[0], gid, tuple(numbers[2:]))


def mount(text: str) -> Mount:
    """Returns the mount in ``HOST:SERVER``, with ``ro``, ``rw`` and ``rights`` after another colon, commas between;
    a relative HOST counts from this process's working directory."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or not parts[0] or not parts[1].startswith("/"):
        raise UsageError(
            f"--mount {shortened(text)}: write HOST:SERVER or HOST:SERVER:ro, with an absolute SERVER path"
        )
    modes = parts[2].split(",") if len(parts) == 3 else []
    if not set(modes) <= {"ro", "rw", "rights"} or {"ro", "rw"} <= set(modes):
        raise UsageError(f"--mount {shortened(text)}: the third part is ro or rw, with ,rights for a copy")
    server = "/" + os.path.normpath(parts[1]).lstrip("/")
    try:
        host = os.path.abspath(parts[0])
    except FileNotFoundError:
        raise UsageError(
            f"--mount {shortened(text)}: the working directory was removed, so HOST must be an absolute path"
        ) from None
    return Mount(host, server, "ro" in modes, "kept" if "rights" in modes else "")


def memory(text: str) -> int | None:
    """Returns bytes; None for 0, which means no limit."""
    return _size("--memory", text) or None


def download_limit(text: str) -> int:
    """Returns bytes; 0 means no limit."""
    return _size("--download-limit", text)


def document_limit(text: str) -> int:
    """Returns bytes; 0 means no limit."""
    return _size("--document-limit", text)


def jobs(text: str) -> int:
    """Returns a number of processes."""
    if not re.fullmatch("[0-9]{1,6}", text.strip()) or not 1 <= int(text) <= MOST_JOBS:
        raise UsageError(f"--jobs {shortened(text)}: write a number from 1 to {MOST_JOBS}")
    return int(text)


def timeout(text: str) -> float:
    """Returns the seconds for one question."""
    return _seconds("--timeout", text)


def check_timeout(text: str) -> float:
    """Returns the seconds for one third-party check."""
    return _seconds("--check-timeout", text)


def variable(text: str) -> tuple[str, str]:
    """Returns name and value of ``NAME=VALUE``."""
    pair = read_pair(text)
    if pair is None:
        raise UsageError("--env: write NAME=VALUE, with letters, digits and _ in the name")
    return pair


def patterns(option: str, texts: Iterable[str]) -> tuple[str, ...]:
    """Returns the code prefixes and names of ``--select`` or ``--ignore``: each value is one, or several between
    commas. Raises UsageError for a value without any: it would select everything."""
    found: list[str] = []
    for text in texts:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise UsageError(f"{option} {shortened(text)!r}: it has no code and no name of a check")
        found += parts
    return tuple(found)


def server_address(text: str) -> str:
    """Returns the address of a server, or a text that is not an address, without user and password."""
    return without_user(redact_typed(text))


def shortened(text: str) -> str:
    """Returns a value as a message repeats it: the beginning of a long one."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def day(text: str) -> str:
    """Returns a day, ``YYYY-MM-DD``."""
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"--baseline-expires {shortened(text)}: write a day like 2027-03-31") from None


def _size(option: str, text: str) -> int:
    """Returns bytes, as docker reads a size: units are powers of 1024."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([bkmgtp]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise UsageError(f"{option} {shortened(text)}: write a size, like 512m or 2g")
    from decimal import Decimal

    # The text has no exponents, so a long one only costs time in proportion to its length.
    number = Decimal(match[1]) if len(match[1]) <= 40 else Decimal(MOST_BYTES) + 1
    size = number * 1024 ** "bkmgtp".index(match[2] or "b")
    if size > MOST_BYTES:
        raise UsageError(f"{option} {shortened(text)}: at most {MOST_BYTES} bytes")
    return int(size)


def _seconds(option: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    # NaN is in no range.
    if not 0.1 <= seconds <= LONGEST_SECONDS:
        raise UsageError(f"{option} {shortened(text)}: write seconds from 0.1 to {LONGEST_SECONDS}")
    return seconds
