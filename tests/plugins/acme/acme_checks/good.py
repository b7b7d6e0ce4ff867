"""Checks that behave correctly."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from msgspec.structs import replace

from ovms_doctor.plugin import (
    Check,
    Code,
    Context,
    CouldNotLookError,
    Evidence,
    Example,
    Finding,
    ListDirectory,
    Listing,
    Message,
    NotApplicableError,
    Severity,
    Step,
)


def code(number: int, name: str, severity: Severity = "warning") -> Code:
    return Code(
        code=f"ACME{number}",
        name=name,
        severity=severity,
        summary=f"What {name} sees",
        remedy="What to do.",
        log=(Message("What the server logs: {number}", "acme.cpp"), "Another text"),
        example=Example("m/1/wrong", "m/1/right"),
        docs=f"https://checks.example.com/{number}",
        page="What the server does, see [the list](https://checks.example.com).\n\n- An item",
    )


FORMAT_SEEN = code(101, "acme-format-seen")
NAME_SEEN = code(201, "acme-name-seen", "error")
HOSTILE = code(301, "acme-hostile")
PRINTED = code(401, "acme-printed")


def _by_format(context: Context) -> Iterator[Finding]:
    for model in context.plan.models:
        listing = context.facts.ask(ListDirectory(model.entry.base_path))
        assert isinstance(listing, Listing), "the facts are at hand"
        for version in model.versions:
            attempt = version.attempt
            if attempt is None or attempt.format is None:
                continue
            yield context.finding(
                FORMAT_SEEN,
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
        yield context.finding(NAME_SEEN, f"its name is {model.entry.name}", model=model.entry.name)


def _hostile_text(context: Context) -> Iterator[Finding]:
    yield context.finding(HOSTILE, "red: \x1b[31m [bold]no markup[/bold] \udcff\u202e", model="\x07bell")


def _prints(context: Context) -> Iterator[Finding]:
    print("hello from a check")
    sys.__stdout__.write("hello again\n" * 100_000)
    os.write(1, b"hello from below\n")
    os.write(2, b"and on standard error\n")
    yield context.finding(PRINTED, "it printed")


def _not_applicable(context: Context) -> Iterator[Finding]:
    raise NotApplicableError("there is no \x1b[31mmodel of ours")


def _could_not_look(context: Context) -> Iterator[Finding]:
    raise CouldNotLookError("the list of owners is not among the facts")


by_format = Check(name="acme-format", summary="the formats of models", codes=(FORMAT_SEEN,), run=_by_format)
by_name = Check(name="acme-names", summary="the names of models", codes=(NAME_SEEN,), run=_by_name)
hostile_text = Check(
    name="acme-hostile-text", summary="hostile \x1b[31mtext", codes=(HOSTILE,), run=_hostile_text
)
prints = Check(name="acme-prints", summary="standard output", codes=(PRINTED,), run=_prints)
not_applicable = Check(
    name="acme-not-applicable", summary="nothing", codes=(code(501, "acme-nothing"),), run=_not_applicable
)
could_not_look = Check(
    name="acme-could-not-look", summary="owners", codes=(code(502, "acme-owners"),), run=_could_not_look
)
#: The same check under other names.
rival_names = replace(by_name, name="rival-names")
one = replace(by_name, name="one")
two = replace(by_name, name="two")
