"""Output of text to standard output or a file; and progress, on a terminal's standard error only."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from ovms_doctor.model.errors import OutputFullError, UnwritableError
from ovms_doctor.probes.file_systems import remote_mount
from ovms_doctor.probes.named_files import write_named_file

if TYPE_CHECKING:
    from ovms_doctor.model.facts import AnyQuestion
    from ovms_doctor.model.styled import Output, PlainOutput

#: Variables that make rich write as if to a terminal.
_FORCED = ("FORCE_COLOR", "TTY_COMPATIBLE")

#: Terminals that show links, by TERM_PROGRAM and by TERM.
_LINKING_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio", "WarpTerminal")
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "foot-extra", "wezterm", "contour")

#: Questions whose duration depends on the size of the model.
_LOADING = ("InspectModel", "LoadModel", "LoadPipeline", "LoadExtension", "InspectCopy", "LoadCopy")
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_BAR = 10
_CLOCK = "{:5.1f} s  "


def write(text: str, path: str | None) -> None:
    """Writes the text as UTF-8 in any locale; ``-`` is standard output. Raises UnwritableError if the file cannot be
    written."""
    write_parts([text], path)


def write_parts(parts: Iterable[str], path: str | None) -> None:
    """Writes a text in parts; only one part at a time is in memory. Raises UnwritableError."""
    if path is None or path == "-":
        sys.stdout.flush()
        for part in parts:
            sys.stdout.buffer.write(part.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
        return
    write_named_file((part.encode("utf-8", "backslashreplace") for part in parts), path)


@contextmanager
def text_file(path: str) -> Iterator[PlainOutput]:
    """Yields the output for text that is written into a file piece by piece, in UTF-8. Raises UnwritableError."""
    from ovms_doctor.model.styled import PlainOutput

    if remote_mount(path) is not None:
        buffer = io.StringIO()
        yield PlainOutput(buffer)
        write(buffer.getvalue(), path)
        return
    error_type: type[UnwritableError] = UnwritableError
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            error_type = OutputFullError
            yield PlainOutput(file)
    except OSError as error:
        raise error_type(f"{path}: {error.strerror}") from None


def standard_output(*, no_color: bool) -> Output:
    """Returns the output for text reports. Rich, which takes time to import, is used for terminals only."""
    terminal = sys.stdout.isatty()
    if not terminal and not any(os.environ.get(name) for name in _FORCED):
        from ovms_doctor.model.styled import PlainOutput

        return PlainOutput()
    from rich.console import Console

    class Terminal(Console):
        """A console with a flag whether it shows links."""

        links = terminal and shows_links(os.environ)

    width = None if terminal else 100
    return Terminal(width=width, no_color=no_color or None, highlight=False, markup=False)


def shows_links(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is known to show links (OSC 8), by the variables that terminals set. ``FORCE_HYPERLINK``
    takes precedence."""
    forced = environment.get("FORCE_HYPERLINK")
    if forced is not None:
        return forced not in ("", "0")
    term = environment.get("TERM", "")
    if term == "dumb" or term.startswith(("screen", "tmux")):
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM") in _LINKING_PROGRAMS
        or term in _LINKING_TERMS
        or any(
            environment.get(name) for name in ("WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "DOMTERM")
        )
        or (vte.isdecimal() and int(vte) >= 5000)
    )


class Progress:
    """One line on standard error while models load: the current model and the elapsed time. The line is removed at
    the end."""

    def __init__(self) -> None:
        #: Whether anything is shown: on a terminal.
        self.shows = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began = time.monotonic()
        self._last = 0.0
        self._dirty = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._dirty:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show_question(self, question: AnyQuestion, number: int = 0, total: int = 0) -> None:
        """Shows a question before it is answered; ``number``: how many of the ``total`` questions of its kind are
        known."""
        if not self.shows:
            return
        now = time.monotonic()
        loading = type(question).__name__ in _LOADING
        if now - self._last < 0.1 and not (loading and now - self._last > 0.02):
            return
        from ovms_doctor.model.display_text import visible

        verb = "loading" if loading else "looking at"
        counted = f" {number}/{total}" if total > 1 else ""
        self._write(now, f"{verb}{counted} {visible(question.path)}")

    def downloading(self, path: str, count: int, total: int) -> None:
        """Shows that ``count`` of ``total`` bytes have been downloaded from a store."""
        now = time.monotonic()
        if not self.shows or (now - self._last < 0.1 and count < total):
            return
        from ovms_doctor.model.display_text import visible

        share = min(count / total, 1.0) if total else 1.0
        unit, name = next((item for item in _UNITS if total >= item[0]), (1, "bytes"))
        filled = int(share * _BAR)
        bar = f"[{'#' * filled}{' ' * (_BAR - filled)}]"
        digits = 1 if unit == 1 << 30 else 0
        progress = (
            f" {count / unit:.{digits}f} of {total / unit:.{digits}f} {name} {bar} {int(share * 100):3}%"
        )
        # The end of a path is more specific than its beginning.
        columns = max(self._columns() - len(_CLOCK.format(0)) - len("downloading ") - len(progress), 12)
        label = visible(path)
        label = label if len(label) <= columns else f"...{label[3 - columns :]}"
        self._write(now, f"downloading {label}{progress}")

    def reading(self, count: int, total: int | None) -> None:
        """Shows that ``count`` bytes of a log have been read, of ``total`` if that is known."""
        now = time.monotonic()
        if not self.shows or now - self._last < 0.1:
            return
        unit, name = next((item for item in _UNITS if (total or count) >= item[0]), (1, "bytes"))
        total_text = f" of {total / unit:.1f}" if total else ""
        self._write(now, f"reading the log {count / unit:.1f}{total_text} {name}")

    def _write(self, now: float, text: str) -> None:
        self._last = now
        line = _CLOCK.format(now - self._began) + text
        sys.stderr.write("\r\x1b[K" + line[: self._columns()])
        sys.stderr.flush()
        self._dirty = True

    def _columns(self) -> int:
        """Returns the cells that a line may use: one less than the terminal has, so that the line never breaks."""
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
        except OSError:
            columns = 80
        return max(columns - 1, 20)
