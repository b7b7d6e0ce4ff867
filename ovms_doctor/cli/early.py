"""Predicts which worker processes a command line needs, before the imports that can parse it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovms_doctor.probes.processes.workers import Kind

_COMMANDS = ("check", "collect")
#: The option that records all actions of the run from its start.
RECEIPT = "--receipt"
#: With one of these options, the program reads nothing on this host.
_NOTHING = ("--help", "-h", "--facts")


def has_receipt_option(arguments: Sequence[str]) -> bool:
    """Whether the actions of the run are recorded."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(option == RECEIPT or option.startswith(f"{RECEIPT}=") for option in options)


def workers_for(arguments: Sequence[str]) -> list[Kind]:
    """Returns the kinds of workers that this command line probably needs, the slowest to start first. An unneeded
    worker is ended; a missing one is started when it is needed."""
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
