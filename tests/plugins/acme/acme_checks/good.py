"""Checks that do what a check should."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from ovms_doctor.plugin import (
    Check,
    Code,
    Context,
    CouldNotLookError,
    Evidence,
    Finding,
    ListDirectory,
    Listing,
    NotApplicableError,
    Step,
)


def code(number: int, name: str, severity: str = "warning") -> Code:
    return Code(
        f"ACME{number}",
        name,
        severity,  # type: ignore[arg-type]
        f"What {name} sees",
        "What the server does.",
        "What to do.",
        docs=f"https://checks.example.com/{number}",
    )


def _by_format(context: Context) -> Iterator[Finding]:
    for model in context.plan.models:
        listing = context.facts.ask(ListDirectory(model.entry.base_path))
        assert isinstance(listing, Listing), "the facts are at hand"
        for version in model.versions:
            attempt = version.attempt
            if attempt is None or attempt.format is None:
                continue
            yield context.finding(
                "ACME101",
                f"{model.entry.name} is of the format {attempt.format}",
                model=model.entry.name,
                version=version.version,
                path=attempt.model_file,
                base=model.entry.base_path,
                evidence=(Evidence(", ".join(entry.name for entry in listing.entries), "list"),),
                steps=(Step("Convert it.", "convert", "host", "changes files"),),
            )


def _by_name(context: Context) -> Iterator[Finding]:
    for model in context.plan.models:
        yield context.finding("ACME201", f"its name is {model.entry.name}", model=model.entry.name)


def _hostile_text(context: Context) -> Iterator[Finding]:
    yield context.finding("ACME301", "red: \x1b[31m [bold]no markup[/bold] \udcff\u202e", model="\x07bell")


def _prints(context: Context) -> Iterator[Finding]:
    print("hello from a check")
    sys.__stdout__.write("hello again\n" * 100_000)
    os.write(1, b"hello from below\n")
    os.write(2, b"and on standard error\n")
    yield context.finding("ACME401", "it printed")


def _not_applicable(context: Context) -> Iterator[Finding]:
    raise NotApplicableError("there is no \x1b[31mmodel of ours")


def _could_not_look(context: Context) -> Iterator[Finding]:
    raise CouldNotLookError("the list of owners is not among the facts")


by_format = Check("the formats of models", (code(101, "acme-format-seen"),), _by_format)
by_name = Check("the names of models", (code(201, "acme-name-seen", "error"),), _by_name)
hostile_text = Check("hostile \x1b[31mtext", (code(301, "acme-hostile"),), _hostile_text)
prints = Check("standard output", (code(401, "acme-printed"),), _prints)
not_applicable = Check("nothing", (code(501, "acme-nothing"),), _not_applicable)
could_not_look = Check("owners", (code(502, "acme-owners"),), _could_not_look)
