"""The manual page, made from the parser: its commands, their options, the exit codes."""

from __future__ import annotations

import inspect
from typing import Any

from ovms_doctor import __version__
from ovms_doctor.cli.app import command_for
from ovms_doctor.cli.help import EXAMPLES, PANELS

_EXIT_CODES = (
    ("0", "No finding at or above the severity of --fail-on, and every selected check ran to its end."),
    ("1", "At least one such finding."),
    ("2", "Wrong usage, or a file that cannot be read or written."),
    (
        "3",
        "No such finding, but a selected check could not collect its facts, reached its time limit or crashed.",
    ),
    ("130", "Interrupted."),
)
_ENVIRONMENT = (
    ("NO_COLOR", "Use no colours."),
    (
        "FORCE_HYPERLINK",
        "1: codes are links to their pages. 0: they are not. Otherwise the terminal decides.",
    ),
    ("DOCKER_HOST, DOCKER_CONTEXT", "The container engine for --container."),
    ("GITHUB_STEP_SUMMARY", "With --format github: the file to which the whole report is appended."),
    ("GITHUB_ACTIONS", "true: lines before and after the text report disable workflow commands in it."),
)
_DESCRIPTION = (
    "ovms-doctor predicts what OpenVINO Model Server (OVMS) does with a model repository, a configuration or a "
    "container. It explains why a model is not served and what to do about it. It also analyses the server's logs, "
    "queries a running server, and checks clients' requests. It changes none of your files and sends no telemetry."
)
#: Characters that roff interprets, or displays as another character.
_ESCAPES = str.maketrans({"\\": "\\e", "-": "\\-", "…": "...", "'": "\\(aq", "`": "\\(ga"})


def man_page() -> str:
    """Returns the page in the man macros of roff, in section 1."""
    program: Any = command_for([])
    context = program.make_context("ovms-doctor", ["--help"], resilient_parsing=True)
    parts = [
        f'.TH OVMS-DOCTOR 1 "" "ovms-doctor {__version__}" "User Commands"\n',
        ".SH NAME\novms\\-doctor \\- predict what OpenVINO Model Server does with its models, and explain why\n",
        ".SH SYNOPSIS\n",
        *(
            f".B ovms\\-doctor {_text(name)}\n{_synopsis(command)}\n.br\n"
            for name, command in program.commands.items()
        ),
        f".SH DESCRIPTION\n{_text(_DESCRIPTION)}\n",
        ".SH COMMANDS\n",
    ]
    for name, command in program.commands.items():
        parts.append(f".SS {_text(name)}\n{_text(_first_paragraph(command))}\n")
        parts += _options(command, context)
        for line, purpose in EXAMPLES.get(name, ()):
            parts.append(f".PP\nExample, {_text(purpose)}:\n.PP\n.RS\n.EX\n{_text(line)}\n.EE\n.RE\n")
    parts.append(".SH EXIT STATUS\n" + "".join(_item(code, text) for code, text in _EXIT_CODES))
    parts.append(".SH ENVIRONMENT\n" + "".join(_item(name, text) for name, text in _ENVIRONMENT))
    parts.append(
        ".SH SEE ALSO\nThe documentation in docs/, and\n.B ovms\\-doctor explain CODE\nfor each finding.\n"
    )
    return "".join(parts)


def _synopsis(command: Any) -> str:
    arguments = [item.make_metavar(None) if _takes_context(item) else item.make_metavar() for item in command.params
                 if not item.opts[0].startswith("-")]  # fmt: skip
    return " ".join(["[options]", *map(_text, arguments)])


def _takes_context(parameter: Any) -> bool:
    return bool(inspect.signature(parameter.make_metavar).parameters)


def _first_paragraph(command: Any) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _options(command: Any, parent: Any) -> list[str]:
    context = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            panels.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(record)
    parts = []
    for title in sorted(panels, key=lambda panel: PANELS.index(panel) if panel in PANELS else len(PANELS)):
        parts.append(f".PP\n.B {_text(title)}\n")
        parts += [_item(names, text) for names, text in panels[title]]
    return parts


def _item(term: str, text: str) -> str:
    return f".TP\n.B {_text(term)}\n{_text(text) or '.'}\n"


def _text(text: str) -> str:
    """Returns a text without characters that roff interprets."""
    joined = " ".join(text.split()).translate(_ESCAPES)
    return f"\\&{joined}" if joined.startswith(".") else joined
