"""Values of a Compose file, held against the types that its schema allows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ovms_doctor.inputs.engine_values import RefusedValueError, number_text, shown

#: What a service may say (compose-spec.json).
SERVICE_KEYS = frozenset(
    """annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name
    cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec
    depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file
    environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc
    isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit
    models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_start
    pre_stop privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets
    security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits
    use_api_socket user userns_mode uts volumes volumes_from working_dir""".split()
)
TOP_KEYS = frozenset("version name services networks volumes secrets configs include models".split())

_Value = TypeVar("_Value")


def text(value: Any, where: str, *, numbers: bool = True) -> str:
    """A text; with ``numbers`` a number or a truth value as well, as YAML has them without quotes."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) and numbers:
        return "true" if value else "false"
    if isinstance(value, int | float) and not isinstance(value, bool) and numbers:
        return number_text(value)
    if isinstance(value, int | float):
        raise RefusedValueError(f"{where} must be a text: put the {_kind(value)} in quotes")
    raise RefusedValueError(f"{where} must be a text, and is {_kind(value)}")


def optional_text(service: dict[str, Any], name: str, *, numbers: bool = True) -> str:
    """The text under ``name``, empty where there is none."""
    value = service.get(name)
    return "" if value is None else text(value, name, numbers=numbers)


def items(value: Any, where: str) -> list[Any]:
    """A list; nothing is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RefusedValueError(f"{where} must be a list, and is {_kind(value)}")
    return value


def one_or_more(value: Any, where: str) -> list[Any]:
    """A list, or one text that stands for a list of one."""
    return [value] if isinstance(value, str) else items(value, where)


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A mapping; nothing is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedValueError(f"{where} must be a mapping, and is {_kind(value)}")
    return value


def truth(value: Any, where: str) -> bool:
    """A truth value, also one in quotes."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and value.lower() in (
        "true",
        "y",
        "yes",
        "on",
        "false",
        "n",
        "no",
        "off",
        "1",
        "0",
    ):
        return value.lower() in ("true", "y", "yes", "on", "1")
    raise RefusedValueError(f"{where} must be true or false")


def read(service: dict[str, Any], name: str, how: Callable[[str], _Value]) -> _Value | None:
    """What ``how`` makes of the text under ``name``; None where there is none. Refused names the key."""
    value = service.get(name)
    if value is None:
        return None
    try:
        return how(text(value, name))
    except RefusedValueError as error:
        raise RefusedValueError(f"{name}: {error}") from None


def words(value: Any, where: str) -> tuple[str, ...] | None:
    """A command: a text, divided as Compose divides it, or a list of texts; None for nothing."""
    if value is None:
        return None
    if isinstance(value, str):
        return tuple(split_words(value, where))
    return tuple(
        text(item, f"{where}[{number}]", numbers=False) for number, item in enumerate(items(value, where))
    )


def split_words(line: str, where: str) -> list[str]:
    """``line`` divided at blanks outside quotes. No shell does it: nothing is expanded, and what a shell would take
    for the end of the command ends the words (go-shellwords)."""
    found: list[str] = []
    word: str | None = None
    quote = ""
    escaped = False
    for char in line:
        if escaped:
            word = (word or "") + {"t": "\t", "n": "\n"}.get(char, char)
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            if char == quote:
                quote = ""
                word = (word or "") + (char if char == ")" else "")
            else:
                word = (word or "") + char
        elif char in "'\"":
            quote, word = char, word or ""
        elif char in " \t\r\n":
            if word is not None:
                found.append(word)
            word = None
        elif char in ";&|<>":
            break
        elif char == "(" and word is not None and word.endswith("$"):
            quote, word = ")", word + char
        elif char == "(":
            raise RefusedValueError(f"{where} has a parenthesis outside quotes")
        else:
            word = (word or "") + char
    if quote or escaped:
        raise RefusedValueError(f"{where} has a quote that is never closed, or ends in a backslash")
    return found if word is None else [*found, word]


def check_keys(known: frozenset[str], given: dict[str, Any], where: str) -> None:
    """Refused for a key that the schema does not have; those that begin with ``x-`` are anybody's."""
    import difflib

    for name in given:
        if name not in known and not name.startswith("x-"):
            near = (
                difflib.get_close_matches(name, known, 1, 0.7) if re.fullmatch(r"[\w-]{1,40}", name) else []
            )
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise RefusedValueError(f'{where} has no "{shown(name)}"{hint}')


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "number"
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), "a text")
