"""Which worker processes a command line nearly always needs, before anything is imported that could parse it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovms_doctor.probes.processes.workers import Kind

_COMMANDS = ("check", "collect")
#: The option with which everything is recorded, from the start.
RECEIPT = "--receipt"
#: With one of these, nothing on this host is looked at.
_NOTHING = ("--help", "-h", "--facts")


def wants_receipt(arguments: Sequence[str]) -> bool:
    """Whether what the run does is to be recorded."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(option == RECEIPT or option.startswith(f"{RECEIPT}=") for option in options)


def workers_for(arguments: Sequence[str]) -> list[Kind]:
    """The kinds of workers that this command line will need, the one that takes longest to start first. Not exact: one
    too many is ended, and one too few is started when it is needed."""
    options = list(arguments[1 : arguments.index("--")] if "--" in arguments else arguments[1:])
    if len(arguments) < 2 or arguments[0] not in _COMMANDS:
        return []
    if any(option.partition("=")[0] in _NOTHING for option in options) or any(
        "://" in argument for argument in arguments
    ):
        return []
    load = "read"
    for position, option in enumerate(options):
        if option == "--load":
            load = "".join(options[position + 1 : position + 2])
        elif option.startswith("--load="):
            load = option.partition("=")[2]
    return ["files", "inspect"] if load == "none" else ["load", "files"]
