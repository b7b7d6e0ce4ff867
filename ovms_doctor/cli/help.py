"""``--help``: the options of a command in panels, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand

#: The panels in their order; a command has the panels that contain an option of it.
PANELS = ("Target", "Request", "Log", "Server", "Reports", "Deployment", "Probes", "Output", "Options")
#: The panel of a record's options that no panel names.
_BY_RECORD = {
    "OutputOptions": "Output",
    "RequestOptions": "Request",
    "LogOptions": "Log",
    "StatusOptions": "Server",
    "CompareOptions": "Reports",
}
_PROBES = frozenset(
    ("--load", "--download-limit", "--document-limit", "--timeout", "--jobs", "--check-timeout", "--no-plugins",
     "--probe-write", "--kernel-log", "--log", "--no-live")
)  # fmt: skip
_TARGET = frozenset(("", "--as", "--facts"))

#: Command lines with their purposes.
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "check": (
        ("ovms-doctor check ./models", "a repository: every model in it"),
        ("ovms-doctor check config.json --load none", "a configuration, without loading its models"),
        ("ovms-doctor check --container ovms", "a running or stopped container"),
        ("ovms-doctor check ./models --memory 2g", "whether the models fit into its memory"),
        ("ovms-doctor check ./models -o sarif:out.sarif", "the text, and a report for code scanning"),
        ("ovms-doctor check -- --model_name m --model_path /srv/m", "the server's own arguments"),
    ),
    "collect": (
        ("ovms-doctor collect ./models -o facts.json", "save the facts that check uses"),
        ("ovms-doctor check --facts facts.json", "check them, also on another host"),
    ),
    "logs": (
        ("ovms-doctor logs ovms.log", "a file, plain or gzip"),
        ("docker logs ovms 2>&1 | ovms-doctor logs -", "standard input"),
        ("ovms-doctor logs --container ovms --since 2h -o usage.html", "a page with charts of the requests"),
    ),
    "status": (
        ("ovms-doctor status localhost:8000", "what the server serves"),
        (
            "ovms-doctor status http://ovms:8000 --wait 60",
            "wait until everything is AVAILABLE",
        ),
        ("ovms-doctor status --container ovms --model resnet", "the server of a container, and one model"),
    ),
    "request": (
        ("ovms-doctor request body.json --model ./models/resnet", "a body, for a model on disk"),
        ("ovms-doctor request curl.txt --url http://localhost:8000", "a curl line, for a running server"),
    ),
    "explain": (
        ("ovms-doctor explain OVD101", "a code"),
        ('ovms-doctor explain "No version found for model in path: /m"', "a line of the server's log"),
    ),
}


def panel_of(record: type[Any], names: tuple[str, ...]) -> str:
    """Returns the panel of an option, by its names; of a positional argument without names."""
    name = names[0] if names else ""
    if record.__name__ in _BY_RECORD:
        return _BY_RECORD[record.__name__]
    if name in _PROBES:
        return "Probes"
    return "Target" if name in _TARGET else "Deployment"


class PanelCommand(TyperCommand):
    """A command whose help shows its options in panels, then examples."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the panels."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                # A value that only the joined form can have.
                record = (record[0].replace(" [=", "[="), record[1])
                panel = getattr(parameter, "rich_help_panel", None) or "Options"
                panels.setdefault(panel, []).append(record)
        for title in sorted(panels, key=_rank):
            with formatter.section(title):
                formatter.write_dl(panels[title])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples."""
        examples = EXAMPLES.get(self.name or "", ())
        if not examples:
            return
        with formatter.section("Examples"):
            for line in _example_lines(examples, formatter.width - 2):
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _rank(title: str) -> tuple[int, str]:
    return (PANELS.index(title) if title in PANELS else len(PANELS) - 1, title)


def _example_lines(examples: tuple[tuple[str, str], ...], width: int) -> Iterator[str]:
    """Yields each command with its purpose on the same line if all fit, else the purpose on the line before its
    command."""
    longest = max(len(command) for command, _ in examples)
    if all(longest + 2 + len(purpose) <= width for _, purpose in examples):
        for command, purpose in examples:
            yield f"{command:{longest}}  {purpose}"
        return
    for command, purpose in examples:
        yield f"# {purpose}"
        yield command
