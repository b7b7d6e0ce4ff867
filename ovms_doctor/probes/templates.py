"""In a child process: parses a chat template with Jinja's parser. The template may be hostile: it is neither compiled
nor rendered, and no constant in it is computed; the parent ends a child that takes too long."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ovms_doctor.model.chat_template import template_text
from ovms_doctor.model.facts import Failure, InspectTemplate, TemplateInspection, Unavailable

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

#: In bytes: the largest file that is read (a tokenizer's IR), and the largest template that is parsed.
_LARGEST_FILE = 16 << 20
_LARGEST_TEMPLATE = 1 << 20
#: More kinds of blocks than any language of templates has.
_MOST_TAGS = 100
_LONGEST_MESSAGE = 300
#: The nodes with a frame of their own, and their fields outside of it.
_FRAMES = frozenset(("For", "Macro", "CallBlock", "FilterBlock", "With", "AssignBlock", "Block", "Scope"))
_OUTSIDE = frozenset(("iter", "call", "values"))
_MISSING = "the Python package jinja2 is not installed; install it with: python -m pip install jinja2"


def prepare() -> str:
    """Imports all that :func:`inspect_template` needs, while this process can still read it. Returns what is missing,
    in one sentence; empty for nothing."""
    try:
        import jinja2
        import jinja2.ext
        import jinja2.meta

        # The parser imports parts of Python at its first use.
        jinja2.Environment(autoescape=True).parse("{{ 'a' }}")
    except ImportError:
        return _MISSING
    return ""


def inspect_template(path: str, question: InspectTemplate) -> TemplateInspection | Failure | Unavailable:
    """Returns the result of Jinja's parser for a template in the file at ``path`` of this host."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Failure(error.errno or 0)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Unavailable("it is not a regular file")
        if status.st_size > _LARGEST_FILE:
            return Unavailable(f"it has {status.st_size} bytes: too large to be parsed")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_LARGEST_FILE)
    finally:
        os.close(descriptor)
    try:
        text = template_text(data, question.kind, question.name)
    except ValueError:
        text = None
    if text is None:
        return Unavailable("it has no template that can be parsed")
    if len(text) > _LARGEST_TEMPLATE:
        return Unavailable(f"its template has {len(text)} characters: too many to be parsed")
    return parse_template(text, question.tags, question.filters)


def parse_template(
    text: str, tags: tuple[str, ...] = (), filters: tuple[str, ...] = ()
) -> TemplateInspection | Unavailable:
    """Returns the result for a template. ``tags``, ``filters``: what the engine has in addition to Jinja's own."""
    from jinja2 import TemplateSyntaxError

    environment = _environment(tags)
    environment.filters.update(dict.fromkeys(filters, str))
    try:
        tree = environment.parse(text)
        found: dict[str, int] = {}
        after_begin = False
        for line, kind, value in environment.lex(text):
            if after_begin and kind == "name" and len(found) < _MOST_TAGS:
                found.setdefault(value, line)
            if kind == "raw_begin":
                found.setdefault("raw", line)
            if kind != "whitespace":
                after_begin = kind == "block_begin"
        unknown = next(_unknown_names(tree, environment, soft=False), None)
    except TemplateSyntaxError as error:
        return TemplateInspection("syntax", _sentence(error.message or "syntax error"), error.lineno)
    except RecursionError:
        return Unavailable("its template is nested too deeply to be parsed")
    except (ValueError, OverflowError) as error:
        # A number of thousands of digits, which the server's parser refuses too.
        return TemplateInspection("syntax", _sentence(str(error)))
    listed = tuple(found.items())
    if unknown is not None:
        kind = "test" if type(unknown).__name__ == "Test" else "filter"
        return TemplateInspection("name", f"No {kind} named {unknown.name!r}.", unknown.lineno, listed)
    return TemplateInspection(tags=listed)


def _sentence(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_MESSAGE]


def _environment(tags: tuple[str, ...]) -> Environment:
    """Returns an environment with the settings that change what is parsed: those of the server's own."""
    import jinja2.ext
    import jinja2.nodes

    class Generation(jinja2.ext.Extension):
        """Parses ``{% generation %}`` as the server's AssistantTracker does."""

        tags = frozenset(("generation",))  # type: ignore[assignment]

        def parse(self, parser: Any) -> nodes.Node:
            """Returns the content of the block."""
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.Scope(body).set_lineno(line)

    extensions: list[Any] = []
    if "generation" in tags:
        extensions.append(Generation)
    if "break" in tags:
        extensions.append(jinja2.ext.loopcontrols)
    return jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True, extensions=extensions)


def _unknown_names(node: nodes.Node, environment: Environment, *, soft: bool) -> Iterator[Any]:
    """Yields the filters and tests that the compiler refuses because the engine does not have them. It accepts them
    directly in an ``if``, where a template may ask for them first (``Frame.soft`` in jinja2/compiler.py)."""
    from jinja2 import nodes

    if isinstance(node, nodes.Filter | nodes.Test) and not soft:
        known = environment.filters if isinstance(node, nodes.Filter) else environment.tests
        if node.name not in known:
            yield node
    for name, value in node.iter_fields():
        inner = soft
        if isinstance(node, nodes.If | nodes.CondExpr):
            inner = True
        elif type(node).__name__ in _FRAMES and name not in _OUTSIDE:
            inner = False
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, nodes.Node):
                yield from _unknown_names(child, environment, soft=inner)
