"""The options of a report: its content, its form, and when it makes the run fail.

Annotations are evaluated here, as in :mod:`ovms_doctor.model.options`.
"""

from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Struct

from ovms_doctor.model import option_values
from ovms_doctor.model.adjustments import Adjustments
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.option import Option

FailOn: TypeAlias = Literal["error", "warning", "info", "never"]
ReportFormat: TypeAlias = Literal["text", "json", "sarif", "junit", "github", "gitlab", "markdown", "html"]
FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)

#: The commands that write a report.
_REPORTING = ("check", "request", "logs", "status")
#: The commands that read a configuration file.
_CONFIGURED = ("check", "collect", "request", "logs", "status")


class OutputFile(Struct, frozen=True):
    """One value of ``-o``."""

    #: The value as typed.
    text: str
    #: The format before the colon; None if there is none.
    format: ReportFormat | None
    #: The file; ``-`` is standard output.
    path: str


def output_file(text: str) -> OutputFile:
    """Returns the value of ``FILE`` or ``FORMAT:FILE``. Text before a colon that is not a format is a part of the
    file's name."""
    name, colon, path = text.partition(":")
    for known in FORMATS:
        if colon and name == known:
            if not path:
                raise UsageError(f"--output {text}: no file is named after the format")
            return OutputFile(text, known, path)
    return OutputFile(text, None, text)


class OutputOptions(Struct, frozen=True):
    """The content of the report, its form, and when it makes the run fail."""

    #: Code prefixes and names of findings and checks to report exclusively; empty: all.
    select: Annotated[
        tuple[str, ...],
        Option(
            ("--select",),
            "Report only these: code prefixes, names of findings, or checks.",
            "CODE[,CODE…]",
            commands=("check", "logs", "status"),
        ),
    ] = ()
    #: Code prefixes and names of findings and checks to leave out.
    ignore: Annotated[
        tuple[str, ...],
        Option(
            ("--ignore",),
            "Leave these out of the report: code prefixes, names of findings, or checks.",
            "CODE[,CODE…]",
            commands=("check", "logs", "status"),
        ),
    ] = ()
    #: The format of standard output, or of the files of ``-o`` without a format; None: text, or by the file's name.
    format: Annotated[
        ReportFormat | None,
        Option(("--format", "-f"), "The format of the report. [text]", commands=_REPORTING),
    ] = None
    #: The files to write; empty: only standard output.
    outputs: Annotated[
        tuple[OutputFile, ...],
        Option(
            ("--output", "-o"),
            "Also write the report to FILE, in FORMAT where it is named; repeatable. Standard output keeps the text.",
            "[FORMAT:]FILE",
            output_file,
            commands=_REPORTING,
        ),
    ] = ()
    #: The file that ``collect`` writes; None or ``-``: standard output.
    facts_output: Annotated[
        str | None,
        Option(
            ("--output", "-o"), "Write to FILE instead of standard output.", "FILE", commands=("collect",)
        ),
    ] = None
    #: Whether ``collect`` replaces names by pseudonyms.
    redact: Annotated[
        bool,
        Option(
            ("--redact",),
            "Replace the names of hosts, users, files, models and buckets, and addresses, by pseudonyms.",
            commands=("collect",),
        ),
    ] = False
    #: The file with the real names of the pseudonyms; None: beside the facts.
    redact_map: Annotated[
        str | None,
        Option(
            ("--redact-map",),
            "The file with the real names for the pseudonyms: `collect --redact` writes it (without this option, next "
            "to the facts); `check --facts` reads it and shows the real names.",
            "FILE",
            commands=("check", "collect"),
        ),
    ] = None
    #: The least severe finding that makes the exit code 1.
    fail_on: Annotated[
        FailOn,
        Option(
            ("--fail-on",),
            "The lowest severity of a finding that causes exit code 1. [error]",
            commands=_REPORTING,
        ),
    ] = "error"
    #: Whether the exit code is 0 with any findings.
    exit_zero: Annotated[
        bool, Option(("--exit-zero",), "Exit with code 0 even if there are findings.", commands=_REPORTING)
    ] = False
    #: The file into which the remedies are written as a shell script.
    script: Annotated[
        str | None,
        Option(
            ("--script",),
            "Write the remedies to FILE as one commented shell script; do not run it.",
            "FILE",
            commands=("check",),
        ),
    ] = None
    #: The file that lists the actions of the run; ``-``: standard error.
    receipt: Annotated[
        str | None,
        Option(
            ("--receipt",),
            "List the files read, processes started and hosts contacted, on standard error or in FILE (NAME.json: "
            "as JSON). FILE must be joined with =.",
            "[=FILE]",
            commands=_CONFIGURED,
        ),
    ] = None
    #: The name under which reports and facts list the host; None: without a name.
    host_name: Annotated[
        str | None,
        Option(
            ("--host-name",),
            "Record NAME as the host's name, for `summary` over many hosts.",
            "NAME",
            commands=("check", "collect", "logs", "status"),
        ),
    ] = None
    #: The configuration file; None: the nearest one above the working directory.
    config_file: Annotated[
        str | None,
        Option(
            ("--config",),
            "Read defaults and ignores from FILE instead of ovms-doctor.toml or pyproject.toml.",
            "FILE",
            commands=_CONFIGURED,
        ),
    ] = None
    #: Whether no configuration file is read.
    no_config: Annotated[
        bool, Option(("--no-config",), "Read no configuration file.", commands=_CONFIGURED)
    ] = False
    #: Whether all findings count, also those that a configuration or a baseline leaves out.
    no_ignores: Annotated[
        bool,
        Option(
            ("--no-ignores",),
            "Also report the findings that the configuration or the baseline excludes.",
            commands=_CONFIGURED,
        ),
    ] = False
    #: The file of known findings, which do not fail the run.
    baseline: Annotated[
        str | None,
        Option(
            ("--baseline",),
            "Count the known findings in FILE; they do not fail the run.",
            "FILE",
            commands=("check",),
        ),
    ] = None
    #: The file into which the findings are written as known ones.
    write_baseline: Annotated[
        str | None,
        Option(
            ("--write-baseline",),
            "Write all findings to FILE as known findings.",
            "FILE",
            commands=("check",),
        ),
    ] = None
    #: The last day on which new entries of the baseline apply.
    baseline_expires: Annotated[
        str | None,
        Option(
            ("--baseline-expires",),
            "With --write-baseline: the last day on which the new entries are valid.",
            "YYYY-MM-DD",
            option_values.day,
            commands=("check",),
        ),
    ] = None
    #: Whether the text has no colours.
    no_color: Annotated[bool, Option(("--no-color",), "Use no colours.", commands=_REPORTING)] = False
    #: Whether the text is only the verdict.
    quiet: Annotated[bool, Option(("--quiet", "-q"), "Write the verdict only.", commands=_REPORTING)] = False
    #: Whether the text shortens nothing.
    verbose: Annotated[bool, Option(("--verbose", "-v"), "Show everything in full.", commands=_REPORTING)] = (
        False
    )
    #: The project's decisions about findings.
    adjustments: Adjustments = Adjustments()
