"""From what was typed to a Request: paths made absolute, users and mounts read, mistakes answered."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any, cast

from ovms_doctor.cli.option_records import CheckOptions
from ovms_doctor.diagnosis.request import DOWNLOAD_LIMIT, Request
from ovms_doctor.model.deployment import IMAGE_USER, Host, User
from ovms_doctor.model.environment import (
    READ_BY_CLIENTS,
    READ_BY_OTHER_CLIENTS,
    Variable,
    read_file,
    read_pair,
    variables,
)
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.names import is_remote

_MOST_ID = 2**32 - 2
#: How a file is copied out of a store.
_COPY = {
    "s3": "aws s3 cp {} .",
    "gs": "gcloud storage cp {} .",
    "az": "az storage blob download",
    "azfs": "az storage file download",
}


def request_from(asked: CheckOptions) -> Request:
    """UsageError for what cannot be understood."""
    ways = [
        *asked.sources,
        *(["a TARGET"] if asked.targets else []),
        *(["--"] if asked.words is not None else []),
    ]
    if asked.targets and asked.words is not None and len(ways) == 2:
        raise UsageError("name targets, or give the server's own arguments behind --, not both")
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} exclude each other: each says what the server was told")
    if not asked.names_something:
        raise UsageError(
            "nothing to check: name a repository (ovms-doctor check ./models) or a container "
            "(--container NAME), or give the server's own arguments behind --"
        )
    mounts = tuple(_mount(text) for text in asked.mounts)
    user, user_from = _user(asked.user)
    words = None if asked.words is None else tuple(asked.words)
    # The server's own arguments name the server's paths: without a mount they are this host's.
    bare_metal = asked.bare_metal or (words is not None and not mounts)
    _only_beside_targets(asked)
    return Request(
        targets=tuple(_target(text, as_model=asked.as_ == "model") for text in asked.targets),
        words=words,
        as_=asked.as_,
        release=asked.ovms_version,
        user=user,
        user_from=user_from,
        bare_metal=bare_metal,
        mounts=mounts,
        policy=asked.policy,
        environment=_environment(asked),
        load=cast(Any, asked.load),
        working_directory=os.getcwd(),
        timeout=asked.timeout,
        # A TARGET is not said to run on this very host, unless that is said.
        host=_this_host() if bare_metal else None,
        memory=None if asked.memory is None else _size("--memory", asked.memory) or None,
        cache_dir=asked.cache_dir,
        cpu_extension=asked.cpu_extension,
        target_device=asked.target_device,
        probe_write=asked.probe_write,
        download_limit=(
            DOWNLOAD_LIMIT
            if asked.download_limit is None
            else _size("--download-limit", asked.download_limit)
        ),
        kept_back=_kept_back(asked),
    )


def _only_beside_targets(asked: CheckOptions) -> None:
    """What the server's own arguments say is not said a second time."""
    options = {
        "--cache-dir": asked.cache_dir,
        "--cpu-extension": asked.cpu_extension,
        "--target-device": asked.target_device,
        "--model-version-policy": asked.policy,
    }
    given = [name for name, value in options.items() if value is not None]
    if given and not asked.targets:
        own = given[0].replace("-", "_").replace("__", "--", 1)
        raise UsageError(f"{given[0]} goes with a TARGET: here the server's own arguments say it ({own})")
    if asked.kernel_log is not None and not asked.sources:
        raise UsageError("--kernel-log goes with a container: name one, or a document of one")
    if asked.sources and asked.bare_metal:
        raise UsageError("--bare-metal goes with a TARGET or with --: a container is none")


def _size(option: str, text: str) -> int:
    """Bytes, as docker reads a size: units are powers of 1024; 0 is no limit."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmgtp]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise UsageError(f"{option} {text}: write a size, like 512m or 2g")
    return int(float(match[1]) * 1024 ** "bkmgtp".index(match[2] or "b"))


def _this_host() -> Host:
    # Recorded facts are read without anything that looks.
    from ovms_doctor.probes.host import see_host

    return see_host()


def _target(text: str, *, as_model: bool) -> str:
    if not text:
        raise UsageError("a target is empty: name a directory or a file (an unset variable?)")
    if is_remote(text):
        if text.lower().endswith(".json") and not as_model:
            raise UsageError(
                f"{text}: the server reads a configuration file from its local files only; "
                f"name a copy of it ({_COPY[text.partition(':')[0]].format(shlex.quote(text))})"
            )
        # The server takes it as it stands; what it makes of it is the finding.
        return text
    # Whether it is there is asked later, of a child: on a dead mount the question hangs.
    return os.path.abspath(text)


def _user(text: str | None) -> tuple[User, str]:
    if text is None:
        return IMAGE_USER, "as in the image"
    uid_text, _, rest = text.partition(":")
    ids = [uid_text, *(rest.split(",") if rest else [])]
    if not all(part.isascii() and part.isdigit() and int(part) <= _MOST_ID for part in ids):
        raise UsageError(f"--user {text}: write numbers, like 5000 or 5000:5000 or 5000:5000,39,44")
    numbers = [int(part) for part in ids]
    # Docker gives a user without a group the group 0, as does the image's own /etc/passwd for unknown ones.
    gid = numbers[1] if len(numbers) > 1 else (numbers[0] if numbers[0] == IMAGE_USER.uid else 0)
    return User(numbers[0], gid, tuple(numbers[2:])), "--user"


def _environment(asked: CheckOptions) -> tuple[Variable, ...]:
    """The server's environment: this process's own only where that was said; what was typed comes last."""
    pairs = list(os.environ.items()) if asked.env_from_process else []
    if asked.env_file is not None:
        try:
            with open(asked.env_file, encoding="utf-8", errors="surrogateescape") as file:
                found, wrong = read_file(file.read())
        except OSError as error:
            raise UsageError(f"--env-file {asked.env_file}: {error.strerror}") from None
        if wrong is not None:
            raise UsageError(f"--env-file {asked.env_file}: line {wrong} is not NAME=VALUE")
        pairs += found
    for text in asked.env:
        pair = read_pair(text)
        if pair is None:
            raise UsageError("--env: write NAME=VALUE, with letters, digits and _ in the name")
        pairs.append(pair)
    return variables(pairs)


def _kept_back(asked: CheckOptions) -> tuple[str, ...]:
    """Names of this process's own variables for stores, where it asks about one and keeps them to itself."""
    if asked.env_from_process or asked.sources:
        return ()
    values = (word.partition("=")[2] if word.startswith("-") else word for word in asked.words or ())
    if not any(is_remote(text) for text in (*asked.targets, *values)):
        return ()
    known = READ_BY_CLIENTS | READ_BY_OTHER_CLIENTS
    return tuple(sorted(name for name, value in os.environ.items() if name in known and value))


def _mount(text: str) -> Mount:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not parts[0] or not parts[1].startswith("/"):
        raise UsageError(f"--mount {text}: write HOST:SERVER or HOST:SERVER:ro, with an absolute SERVER path")
    if len(parts) == 3 and parts[2] not in ("ro", "rw"):
        raise UsageError(f"--mount {text}: the third part is ro or rw")
    host = os.path.abspath(parts[0])
    return Mount(host, "/" + os.path.normpath(parts[1]).lstrip("/"), len(parts) == 3 and parts[2] == "ro")
