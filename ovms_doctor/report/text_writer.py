"""The writer of the text report: keeps its width and encoding, and writes it line by line."""

from __future__ import annotations

from msgspec import Struct, field

from ovms_doctor.model import display_text
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.styled import PLAIN_WIDTH, Output, Styled, write_styled

#: The most and least cells of a line that are used on a terminal.
_WIDEST, _NARROWEST = 120, 40
#: Cells of a label before a paragraph, so that labels are aligned.
_LABEL = 6
#: Maximum number of lines in the buffer, if lines are printed while others are written.
_WAITING = 2000


#: An address that is sent to a terminal: no character in it ends the sequence or the style.
_ADDRESS = lazy_pattern(r"https?://[!-~]{1,500}")


class TextWriter(Struct):
    """Lines to be printed, safe to show."""

    #: The width of a line in cells.
    width: int
    #: The encoding of the output.
    encoding: str
    #: Whether nothing is left out.
    verbose: bool
    #: Whether only the verdict is written.
    quiet: bool = False
    #: Whether the terminal shows links (OSC 8).
    links: bool = False
    #: The output for lines that are printed while others are written; None if `print` writes them all.
    output: Output | None = None
    #: The lines that are not printed yet.
    lines: list[Styled] = field(default_factory=list)

    def show(self, text: str) -> str:
        """Returns the text safe to print: see :func:`ovms_doctor.model.display_text.visible`."""
        return display_text.visible(text, self.encoding)

    def line(self, *parts: tuple[str, str]) -> None:
        """Adds one line of parts with a style each, made safe and never wrapped."""
        self.ready(*((self.show(text), style) for text, style in parts))

    def ready(self, *parts: tuple[str, str]) -> None:
        """Adds one line of parts that are safe already."""
        self._add(Styled(*parts))

    def command(self, command: str, indent: int) -> None:
        """Adds a command on a line of its own: never wrapped, never cut."""
        visible_text = display_text.visible_command(command, self.encoding)
        self._add(Styled((" " * indent, ""), (visible_text, "cyan")))

    def blank(self) -> None:
        if self.lines and self.lines[-1].plain:
            self.lines.append(Styled())

    def prose(self, text: str, *, indent: int = 0, label: str = "", style: str = "") -> None:
        """Writes a paragraph, wrapped at spaces. ``label`` is in the last cells of the first line's indentation."""
        lead = " " * indent
        if label:
            cells = max(len(label) + 1, _LABEL)
            lead = " " * (indent - cells) + label.ljust(cells)
        # Where a path is longer than the line, a terminal breaks it anywhere; copied from --verbose it is whole.
        narrow = self.width < PLAIN_WIDTH and not self.verbose
        wrap = display_text.wrap_name if narrow else display_text.wrap
        wrapped = wrap(self.show(text), max(self.width - indent, _NARROWEST // 2))
        for number, piece in enumerate(wrapped):
            base = "dim" if label else ""
            first = (lead if number == 0 else " " * indent, base)
            self._add(Styled(first, (piece, f"{base} {style}".strip())))

    def verdict(self, mark: str, sentence: str, style: str) -> None:
        """Writes the last line: one line for programs, wrapped on a narrow terminal."""
        if self.width < PLAIN_WIDTH:
            self.prose(f"{mark} {sentence}", style=style)
        else:
            self.line((f"{mark} {sentence}", style))

    def link(self, address: str, style: str) -> str:
        """Returns ``style`` with a link to a web address, if the terminal shows links."""
        return f"{style} link {address}" if self.links and _ADDRESS.fullmatch(address) else style

    def print(self, output: Output) -> None:
        """Prints all lines that are not printed yet, without style if the output has no colour."""
        write_styled(self.lines, output)
        self.lines.clear()

    def _add(self, line: Styled) -> None:
        if self.output is not None and len(self.lines) >= _WAITING:
            # The last line stays: the next line depends on whether it is blank.
            write_styled(self.lines[:-1], self.output)
            del self.lines[:-1]
        self.lines.append(line)


def writer_for(output: Output, *, verbose: bool, quiet: bool = False) -> TextWriter:
    """Returns a writer as wide as the terminal; 100 cells without a terminal."""
    width = max(_NARROWEST, min(output.width, _WIDEST)) if output.is_terminal else PLAIN_WIDTH
    return TextWriter(width, output.encoding, verbose, quiet, getattr(output, "links", False), output)
