"""The parser of chat templates agrees with Jinja's compiler in the server's environment, and computes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ovms_doctor.model.chat_template import template_text
from ovms_doctor.model.facts import Failure, InspectTemplate, TemplateInspection, Unavailable
from ovms_doctor.model.host import User
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.templates import inspect_template, parse_template
from tests.graphs.chat_templates import BAD, GOOD

TAGS, FILTERS = ("generation", "break", "continue"), ("from_json",)


class _Tracker(jinja2.ext.Extension):
    """As AssistantTracker of the server."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Any) -> jinja2.nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("parse"), [], [], body).set_lineno(line)


def compiler(*, newer: bool) -> jinja2.Environment:
    """The server's environment: since 2025.4, or until 2025.2."""
    extensions: list[Any] = [_Tracker, jinja2.ext.loopcontrols] if newer else []
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    if newer:
        environment.filters["from_json"] = json.loads
    return environment


def accepts(environment: jinja2.Environment, text: str) -> bool:
    try:
        environment.compile(text, raw=True)
    except jinja2.TemplateSyntaxError:
        return False
    return True


FRAMES = [
    "{{ x | nope }}",
    "{{ x is nope }}",
    "{% if x | nope %}a{% endif %}",
    "{% if x %}{{ x | nope }}{% endif %}",
    "{% if x %}a{% elif x is nope %}b{% else %}{{ x | nope }}{% endif %}",
    "{% if x %}{% for y in x %}{{ y | nope }}{% endfor %}{% endif %}",
    "{% if x %}{% for y in x | nope %}{{ y }}{% endfor %}{% endif %}",
    "{% if x %}{% for y in x if y is nope %}{{ y }}{% endfor %}{% endif %}",
    "{% if x %}{% macro f(a=x | nope) %}{{ a }}{% endmacro %}{% endif %}",
    "{% if x %}{% macro f(a) %}{{ a | nope }}{% endmacro %}{% endif %}",
    "{% if x %}{% set y %}{{ x | nope }}{% endset %}{% endif %}",
    "{% if x %}{% set y | nope %}{{ x }}{% endset %}{% endif %}",
    "{% if x %}{% set y = x | nope %}{% endif %}",
    "{% if x %}{% with y = x | nope %}{{ y }}{% endwith %}{% endif %}",
    "{% if x %}{% with y = x %}{{ y | nope }}{% endwith %}{% endif %}",
    "{% if x %}{% filter nope %}{{ x }}{% endfilter %}{% endif %}",
    "{% if x %}{% filter upper %}{{ x | nope }}{% endfilter %}{% endif %}",
    "{% if x %}{% call f(x | nope) %}{{ x }}{% endcall %}{% endif %}",
    "{% if x %}{% call f(x) %}{{ x | nope }}{% endcall %}{% endif %}",
    "{% if x %}{% generation %}{{ x | nope }}{% endgeneration %}{% endif %}",
    "{% if x %}{% block b %}{{ x | nope }}{% endblock %}{% endif %}",
    "{% for y in x %}{% if y %}{{ y | nope }}{% endif %}{% endfor %}",
    "{% for y in x %}{{ (y | nope) if y else 1 }}{% endfor %}",
    "{{ [x, {'a': x | nope}] }}",
    "{{ f(x, key=x | nope)[x | upper] }}",
    "{{ x | from_json }}",
    "{% break %}",
]


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("text", [*GOOD.values(), *(row[0] for row in BAD.values()), *FRAMES])
def test_the_result_is_that_of_the_compiler(text: str, newer: bool) -> None:
    found = parse_template(text, *((TAGS, FILTERS) if newer else ()))
    assert isinstance(found, TemplateInspection)
    assert (not found.problem) is accepts(compiler(newer=newer), text), found


@pytest.mark.parametrize("name", list(GOOD))
def test_good_templates(name: str) -> None:
    found = parse_template(GOOD[name], TAGS, FILTERS)
    assert isinstance(found, TemplateInspection)
    assert (found.problem, found.message, found.line) == ("", "", 0)


@pytest.mark.parametrize(("text", "line", "message"), BAD.values(), ids=list(BAD))
def test_the_line_and_the_sentence(text: str, line: int, message: str) -> None:
    found = parse_template(text, TAGS, FILTERS)
    assert isinstance(found, TemplateInspection)
    assert (found.problem, found.line) == ("syntax", line)
    assert found.message.startswith(message)


def test_the_tags_with_their_first_lines() -> None:
    found = parse_template(
        "{%- if x %}\n{% include 'a' %}{% endif %}\n{% raw %}{% x %}{% endraw %}{% if y %}{% endif %}"
    )
    assert isinstance(found, TemplateInspection)
    assert found.tags == (("if", 1), ("include", 2), ("endif", 2), ("raw", 3))
    found = parse_template("{{ 'a' | nope }}")
    assert found == TemplateInspection("name", "No filter named 'nope'.", 1)
    found = parse_template("\n{{ x is nope }}")
    assert found == TemplateInspection("name", "No test named 'nope'.", 2)


@pytest.mark.parametrize(
    "text",
    [
        # Each of these, when it is computed, takes for ever or all memory.
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ 'a' * 10 ** 15 }}",
        "{{ 'a' | center(10 ** 15) }}",
        "{% for x in range(10 ** 18) %}{% endfor %}",
        "{% autoescape 9 ** 9 ** 9 ** 9 %}{% endautoescape %}",
        "{% set x = 9 ** 9 ** 9 ** 9 %}",
        "{{ ''.__class__.__mro__ }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_nothing_is_computed(text: str) -> None:
    found = parse_template(text)
    assert isinstance(found, TemplateInspection)
    assert not found.problem


def test_templates_that_are_too_much_for_the_parser() -> None:
    deep = parse_template("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}")
    assert deep == Unavailable("its template is nested too deeply to be parsed")
    digits = parse_template("{{ " + "1" * 10_000 + " }}")
    assert isinstance(digits, TemplateInspection)
    assert digits.problem in ("syntax", "")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "file"
    question = InspectTemplate("/m/file", "template")
    assert inspect_template(str(path), question) == Failure(2)
    assert isinstance(inspect_template(str(tmp_path), question), Unavailable)
    path.write_text("{% for %}")
    assert isinstance(inspect_template(str(path), question), TemplateInspection)
    path.write_text("{# " + "x" * (1 << 20) + " #}")
    found = inspect_template(str(path), question)
    assert isinstance(found, Unavailable)
    assert "too many to be parsed" in found.reason
    for kind, text in (("json", "{"), ("json", "[]"), ("json", '{"chat_template": 1}'), ("ir", "<net/>")):
        path.write_text(text)
        found = inspect_template(str(path), InspectTemplate("/m/file", kind))  # type: ignore[arg-type]
        assert found == Unavailable("it has no template that can be parsed")


def test_a_child_answers_with_the_rights_of_the_server(public_dir: Path) -> None:
    path = public_dir / "chat_template.jinja"
    path.write_text("{% for %}")
    path.chmod(0o644)
    with LocalCollector(User(5000, 5000), [str(public_dir)]) as collector:
        question = InspectTemplate(str(path), "template")
        found = collector.collect([question])[question]
    assert isinstance(found, TemplateInspection)
    assert found.problem == "syntax"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b'<net><rt_info><chat_template value="a&#10;&quot;b&quot; &lt;&amp;lt;" /></rt_info></net>',
            'a\n"b" <&lt;',
        ),
        (b'<chat_template value="a\nb\tc" />', "a b c"),
        (b'<chat_template><tool_use value="t" /><default value="&#x41;" /></chat_template>', "A"),
        (b'<chat_template><tool_use value="t" /></chat_template>', None),
        (b'<chat_template value="" />', ""),
        (b"<net />", None),
        (b'<chat_template value="cut', None),
        (b'<chat_template value="&#1114112;&unknown;" />', "&#1114112;&unknown;"),
    ],
)
def test_the_template_of_a_tokenizer(data: bytes, expected: str | None) -> None:
    assert template_text(data, "ir") == expected


def test_the_list_form() -> None:
    entries = [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}, {"name": "x"}, 1]
    data = json.dumps({"chat_template": entries}).encode()
    assert template_text(data, "json") == "a"
    assert template_text(data, "json", "tool_use") == "b"
    assert template_text(b'{"chat_template": [{"name": "rag", "template": "c"}]}', "json") is None
    assert template_text(b"\xef\xbb\xbf{}", "json") is None
    with pytest.raises(ValueError, match="Expecting"):
        template_text(b"{", "json")
