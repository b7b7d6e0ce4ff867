"""What was typed, before it is understood."""

from __future__ import annotations

from dataclasses import dataclass

from ovms_doctor.cli.options import TargetKind


@dataclass(frozen=True)
class Asked:
    """What was typed about the server, before it is understood."""

    targets: list[str]
    words: list[str] | None
    as_: TargetKind | None
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

    @property
    def names_something(self) -> bool:
        return bool(self.targets) or self.words is not None


@dataclass(frozen=True)
class Shown:
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
