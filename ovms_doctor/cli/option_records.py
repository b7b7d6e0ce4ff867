"""What was typed, before it is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from ovms_doctor.cli.options import LoadLevel, TargetKind


@dataclass(frozen=True)
class CheckOptions:
    """What was typed about the server, before it is understood: named as the options are."""

    targets: list[str]
    words: list[str] | None
    as_: Literal["repository", "model"] | None
    ovms_version: str | None
    user: str | None
    bare_metal: bool
    mounts: list[str]
    policy: str | None
    load: str
    timeout: float
    jobs: int | None = None
    env: tuple[str, ...] = ()
    env_file: str | None = None
    env_from_process: bool = False
    container: str | None = None
    inspect: str | None = None
    docker_run: str | None = None
    compose: str | None = None
    kubernetes: str | None = None
    kernel_log: str | None = None
    memory: str | None = None
    cache_dir: str | None = None
    cpu_extension: str | None = None
    target_device: str | None = None
    probe_write: bool = False
    download_limit: str | None = None

    @property
    def sources(self) -> dict[str, str]:
        """The options that say where a container is read from, with their values."""
        told = {
            "--container": self.container,
            "--inspect": self.inspect,
            "--docker-run": self.docker_run,
            "--compose": self.compose,
            "--kubernetes": self.kubernetes,
        }
        return {option: value for option, value in told.items() if value is not None}

    @property
    def names_something(self) -> bool:
        return bool(self.targets) or self.words is not None or bool(self.sources)


def asked_from(options: Mapping[str, Any], words: list[str] | None) -> CheckOptions:
    """What was typed, from the parser's values: each under its parameter's name."""
    given = {field.name: options[field.name] for field in fields(CheckOptions) if field.name in options}
    given.update(
        targets=list(options["targets"] or ()),
        words=words,
        mounts=list(options["mount"] or ()),
        policy=options["model_version_policy"],
        # The parser's own values are the members' texts; its wrapper makes members of them later.
        as_=None if options["as_"] is None else TargetKind(options["as_"]).value,
        load=LoadLevel(options["load"]).value,
        env=tuple(options["env"] or ()),
    )
    return CheckOptions(**given)


@dataclass(frozen=True)
class OutputOptions:
    """What was typed about the report."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    format: str
    output: str | None
    fail_on: str
    exit_zero: bool
    no_color: bool
    quiet: bool
    verbose: bool
