"""The template that each release and build uses, and what the report says about it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, FactsMissingError, InspectTemplate, Unavailable
from ovms_doctor.model.releases import parse_release
from ovms_doctor.prediction.graphs.chat_template import (
    ChatTemplate,
    TemplateSettings,
    chat_template,
    has_python,
)
from ovms_doctor.prediction.graphs.model_directory import ModelDirectory
from ovms_doctor.probes.filesystem import open_files
from ovms_doctor.probes.templates import inspect_template
from tests.cli.run import Result, ovms_doctor
from tests.graphs.chat_templates import BAD, CHATML, GOOD
from tests.graphs.models import graph, unpack, without_loading, without_version

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
OTHER = CHATML.replace("im_start", "other")
BROKEN = "{% for m in messages %}\n{{ m.content }\n{% endfor %}\n"
NEWER = GOOD["generation"]


def in_json(value: object = CHATML) -> str:
    return json.dumps({"chat_template": value})


def in_ir(text: str = CHATML) -> str:
    escaped = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", "&#10;")
    return f'<net><rt_info><chat_template value="{escaped}" /></rt_info></net>'


def named(**templates: str) -> list[dict[str, str]]:
    return [{"name": name, "template": text} for name, text in templates.items()]


def result(
    directory: Path,
    files: dict[str, str],
    release: str,
    *,
    vision: bool = False,
    python: bool | None = True,
    mode: str = "",
) -> ChatTemplate:
    """The result of the rules; nothing is in a child process."""
    for name, text in {"openvino_tokenizer.xml": "<net/>", **files}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text, "utf-8")
    facts, local = Facts(), open_files(None)
    models = ModelDirectory(str(directory), str(directory), facts)
    settings = TemplateSettings(parse_release(release), vision, python, mode)
    while True:
        try:
            return chat_template(models, settings, models.parsed)
        except FactsMissingError as missing:
            for question in missing.questions:
                of_template = isinstance(question, InspectTemplate)
                answer: Any = (
                    inspect_template(question.path, question)  # type: ignore[arg-type]
                    if of_template
                    else local.answer(question)
                )
                facts.add({question: answer})


JINJA, LEGACY = {"chat_template.jinja": CHATML}, {"template.jinja": CHATML}
CONFIG, PROCESSOR = {"tokenizer_config.json": in_json()}, {"processor_config.json": in_json()}
CHAT, IR = {"chat_template.json": in_json()}, {"openvino_tokenizer.xml": in_ir()}
OWN = {"2024.2": "own", "2025.2": "own", "2025.3": "own", "2025.4": "own", "2026.0": "own", "2026.3": "own"}
ONE = dict.fromkeys(("2024.2", "2025.2"), "one_message")
UNREAD = {**ONE, "2025.3": "one_message", "2025.4": "generic"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (JINJA, OWN | ONE),
        (LEGACY, OWN | {"2026.0": "missing", "2026.3": "missing"}),
        (CONFIG, OWN),
        (PROCESSOR, OWN | UNREAD),
        (CHAT, OWN | UNREAD),
        (IR, OWN | UNREAD),
        ({}, OWN | UNREAD | {"2026.0": "missing", "2026.3": "missing"}),
        # A list is supported since 2025.2, one without a default never.
        ({"tokenizer_config.json": in_json(named(default=CHATML))}, OWN | {"2024.2": "refused"}),
        (
            {"tokenizer_config.json": in_json(named(rag=CHATML))},
            dict.fromkeys(OWN, "refused") | {"2026.0": "missing", "2026.3": "missing"},
        ),
        (
            {"tokenizer_config.json": in_json(None)},
            dict.fromkeys(OWN, "refused") | {"2026.0": "missing", "2026.3": "missing"},
        ),
        # Until 2025.2 the file is not read, broken or not.
        ({"chat_template.jinja": BROKEN}, dict.fromkeys(OWN, "refused") | ONE),
        (
            {"chat_template.jinja": BROKEN, **CONFIG},
            dict.fromkeys(OWN, "refused") | {"2024.2": "own", "2025.2": "own"},
        ),
        ({"tokenizer_config.json": in_json(BROKEN)}, dict.fromkeys(OWN, "refused")),
        (
            {"tokenizer_config.json": in_json(BROKEN), **JINJA},
            OWN | dict.fromkeys(("2024.2", "2025.2"), "refused"),
        ),
        ({"openvino_tokenizer.xml": in_ir(BROKEN)}, dict.fromkeys(OWN, "refused") | UNREAD),
        # These tags are known since 2025.3.
        ({"tokenizer_config.json": in_json(NEWER)}, OWN | dict.fromkeys(("2024.2", "2025.2"), "refused")),
        ({"tokenizer_config.json": in_json("{{ x | nope }}")}, dict.fromkeys(OWN, "refused")),
        (
            {"tokenizer_config.json": in_json("{{ messages | from_json }}")},
            OWN | dict.fromkeys(("2024.2", "2025.2", "2025.3"), "refused"),
        ),
        # An empty file counts since 2025.3, but since 2026.0 only if there is another template.
        (
            {"chat_template.jinja": ""},
            {**ONE, "2025.3": "refused", "2025.4": "refused", "2026.0": "missing", "2026.3": "missing"},
        ),
        ({"chat_template.jinja": "", **IR}, dict.fromkeys(OWN, "refused") | ONE),
        # The template for tools is loaded together with the other one.
        (
            {"tokenizer_config.json": in_json(named(default=CHATML, tool_use=BROKEN))},
            dict.fromkeys(OWN, "refused"),
        ),
        (
            {**JINJA, "additional_chat_templates/tool_use.jinja": BROKEN},
            OWN | ONE | {"2026.0": "refused", "2026.3": "refused"},
        ),
        (
            {"chat_template.jinja": POINTER, **CONFIG},
            dict.fromkeys(OWN, "damaged") | {"2024.2": "own", "2025.2": "own"},
        ),
    ],
)
def test_a_text_model_in_a_build_with_python(
    tmp_path: Path, files: dict[str, str], expected: dict[str, str]
) -> None:
    found = {release: result(tmp_path, files, release).outcome for release in OWN}
    assert found == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (IR, dict.fromkeys(("2025.2", "2025.4", "2026.0", "2026.1", "2026.2"), "own")),
        (JINJA, {"2025.2": "missing", "2025.4": "own", "2026.0": "own", "2026.1": "own", "2026.2": "own"}),
        (CHAT, dict.fromkeys(("2025.2", "2025.4", "2026.0", "2026.1", "2026.2"), "own")),
        # The tokenizer's copy is preferred until 2026.0; what Jinja2Cpp of 2025.2 refuses is not known.
        (
            {"chat_template.jinja": CHATML, "openvino_tokenizer.xml": in_ir(BROKEN)},
            {"2025.2": "own", "2025.4": "refused", "2026.0": "refused", "2026.1": "own", "2026.2": "own"},
        ),
        (
            {"chat_template.jinja": BROKEN, **IR},
            {"2025.2": "own", "2025.4": "own", "2026.0": "own", "2026.1": "refused", "2026.2": "refused"},
        ),
        (
            {"chat_template.jinja": "", **IR},
            dict.fromkeys(("2025.2", "2025.4", "2026.0", "2026.1", "2026.2"), "own"),
        ),
        # minja does not know these; the filter is an error only where it is used.
        (
            {"openvino_tokenizer.xml": in_ir("{% include 'a' %}" + CHATML)},
            {"2025.2": "own", **dict.fromkeys(("2025.4", "2026.0", "2026.1", "2026.2"), "refused")},
        ),
        (
            {"openvino_tokenizer.xml": in_ir("{{ x | nope }}" + CHATML)},
            dict.fromkeys(("2025.2", "2025.4", "2026.0", "2026.1", "2026.2"), "own"),
        ),
    ],
)
def test_a_vision_language_model_until_2026_2(
    tmp_path: Path, files: dict[str, str], expected: dict[str, str]
) -> None:
    """GenAI applies it, in both kinds of builds."""
    for python in (True, False):
        found = {
            release: result(tmp_path, files, release, vision=True, python=python).outcome
            for release in expected
        }
        assert found == expected


INCLUDE = {"chat_template.jinja": "{% include 'a' %}" + CHATML}


@pytest.mark.parametrize(
    ("release", "python", "mode", "vision", "expected"),
    [
        ("2026.3", True, "", False, ("own", "jinja2", True)),
        ("2026.3", True, "JINJA", True, ("own", "jinja2", True)),
        ("2026.3", True, "MINJA", False, ("refused", "genai", True)),
        ("2026.3", False, "", False, ("refused", "genai", True)),
        ("2026.3", None, "", False, ("refused", "genai", False)),
        ("2026.2", None, "", True, ("refused", "genai", True)),
        ("2025.1", None, "", False, ("one_message", "jinja2", True)),
    ],
)
def test_the_engine(
    tmp_path: Path,
    release: str,
    python: bool | None,
    mode: str,
    vision: bool,
    expected: tuple[str, str, bool],
) -> None:
    found = result(tmp_path, INCLUDE, release, python=python, mode=mode, vision=vision)
    assert (found.outcome, found.engine, found.certain) == expected
    assert found.build == ("" if found.certain else "without Python")


def test_a_fault_for_both_engines_does_not_depend_on_the_build(tmp_path: Path) -> None:
    found = result(tmp_path, {"chat_template.jinja": BROKEN}, "2025.4", python=None)
    assert (found.outcome, found.certain, found.build, found.line) == ("refused", True, "", 2)
    # GenAI prefers the tokenizer's copy, which differs.
    found = result(
        tmp_path,
        {"chat_template.jinja": CHATML, "openvino_tokenizer.xml": in_ir(OTHER)},
        "2025.4",
        python=None,
    )
    assert (found.unused, found.certain, found.build) == ("chat_template.jinja", False, "without Python")


def test_a_file_that_differs_from_the_used_template(tmp_path: Path) -> None:
    files = {"chat_template.jinja": CHATML + "\n", "tokenizer_config.json": in_json(OTHER)}
    assert result(tmp_path, files, "2025.2").unused == "chat_template.jinja"
    assert result(tmp_path, files, "2025.3").unused == ""
    # Copies differ only in line breaks.
    assert result(tmp_path, files | {"tokenizer_config.json": in_json(CHATML)}, "2025.2").unused == ""


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize(("release", "python"), [("2026.3", True), ("2026.3", False), ("2025.4", True)])
def test_good_templates_have_no_fault(tmp_path: Path, name: str, release: str, python: bool) -> None:
    found = result(tmp_path, {"chat_template.jinja": GOOD[name]}, release, python=python)
    assert (found.outcome, found.detail) == ("own", "")


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.parametrize("python", [True, False])
def test_bad_templates_have_one(tmp_path: Path, name: str, python: bool) -> None:
    text, line, _ = BAD[name]
    found = result(tmp_path, {"chat_template.jinja": text}, "2026.3", python=python)
    assert (found.outcome, found.line) == ("refused", line)


def test_the_build() -> None:
    def python(image: str, release: str = "2025.4", **more: Any) -> bool | None:
        container = Container("docker run", "", image=image) if image else None
        return has_python(Deployment("config", parse_release(release), "test", container=container, **more))

    assert python("openvino/model_server:2025.4") is True
    assert python("openvino/model_server:2025.4-py") is True
    assert python("") is True
    assert python("registry.local/team/ovms:1") is None
    assert python("", bare_metal=True) is None
    assert python("", "2025.1", bare_metal=True) is True


# -- the report ----------------------------------------------------------------------------------------


@pytest.fixture
def model(public_dir: Path) -> Callable[[dict[str, str]], Path]:
    """Unpacks a language model; its template is only in the given files."""

    def make(files: dict[str, str], options: str = "") -> Path:
        root = unpack("llm-2025.4", public_dir)
        without_version(root)
        tokenizer = root / "openvino_tokenizer.xml"
        text = tokenizer.read_text()
        start = text.find("<chat_template")
        if start >= 0:
            tokenizer.write_text(text[:start] + text[text.index("/>", start) + 2 :])
        (root / "chat_template.jinja").unlink()
        (root / "graph.pbtxt").write_text(graph("text_generation", options))
        for name, content in files.items():
            (root / name).write_text(content)
            (root / name).chmod(0o644)
        return root

    return make


def check(root: Path, release: str, *options: str) -> Result:
    return ovms_doctor("check", root, "--as", "model", *without_loading(release), *options)


def finding(found: Result) -> dict[str, Any]:
    (item,) = found.document["findings"]
    assert found.code == 0
    (row,) = found.document["models"]
    assert [version["state"] for version in row["versions"]] == ["AVAILABLE"]
    return dict(item)


def test_a_syntax_error(model: Any) -> None:
    root = model({"chat_template.jinja": BROKEN})
    item = finding(check(root, "2026.3"))
    assert (item["code"], item["severity"]) == ("OVD376", "warning")
    assert item["subject"]["path"] == str(root / "chat_template.jinja")
    assert item["subject"]["line"] == 2
    assert "line 2: unexpected '}'" in item["message"]
    assert item["server_log"] == [
        "Warning: Chat template has not been loaded properly. Servable will not respond to /chat/completions endpoint."
    ]
    assert f"sed -n 1,5p {root}/chat_template.jinja" in item["remedy"]["steps"][0]["command"]
    (root / "chat_template.jinja").write_text(CHATML)
    assert check(root, "2026.3").document["findings"] == []


def test_minja(model: Any) -> None:
    root = model(INCLUDE, "chat_template_mode: MINJA")
    item = finding(check(root, "2026.3"))
    assert item["code"] == "OVD376"
    assert "minja has no {% include %}" in item["message"]
    assert item["server_log"][0].startswith("Chat template is not compatible with minja")
    assert check(model(INCLUDE), "2026.3").document["findings"] == []
    unknown = finding(check(model(INCLUDE), "2026.3", "--bare-metal"))
    assert (unknown["code"], unknown["confidence"]) == ("OVD376", "low")
    assert "This holds for a build without Python; the server's build is not known." in unknown["detail"]


@pytest.mark.parametrize(
    ("files", "release"),
    [(JINJA, "2025.2"), (CHAT, "2025.2"), (CHAT, "2025.4"), (CHAT, "2025.3")],
)
def test_the_remedy_makes_the_release_read_the_template(
    model: Any, files: dict[str, str], release: str
) -> None:
    root = model(files)
    item = finding(check(root, release))
    assert (item["code"], item["severity"]) == ("OVD377", "warning")
    (step,) = item["remedy"]["steps"]
    subprocess.run(["sh", "-c", step["command"]], check=True)
    for path in root.iterdir():
        path.chmod(0o644)
    assert check(root, release).document["findings"] == []


def test_the_remedy_for_a_template_in_the_tokenizer(model: Any) -> None:
    root = model({})
    tokenizer = root / "openvino_tokenizer.xml"
    element = in_ir().partition("<rt_info>")[2].partition("</rt_info>")[0]
    text = tokenizer.read_text()
    end = text.rindex("</rt_info>")
    tokenizer.write_text(text[:end] + element + text[end:])
    assert check(root, "2026.0").document["findings"] == []
    item = finding(check(root, "2025.4"))
    assert item["code"] == "OVD377"
    (step,) = item["remedy"]["steps"]
    subprocess.run(["sh", "-c", step["command"]], check=True)
    (root / "chat_template.jinja").chmod(0o644)
    assert (root / "chat_template.jinja").read_text() == CHATML
    assert check(root, "2025.4").document["findings"] == []


def test_newer_tags_are_named_before_the_file_is_copied(model: Any) -> None:
    item = finding(check(model({"chat_template.jinja": NEWER}), "2025.2"))
    assert item["code"] == "OVD377"
    assert "the release would refuse it, line 1" in item["evidence"][0]["what"]
    texts = [step["text"] for step in item["remedy"]["steps"]]
    assert "Remove the tag, or use OVMS 2025.3 or newer, which knows it." in texts


def test_less_severe_cases(model: Any) -> None:
    item = finding(check(model({}), "2025.4"))
    assert (item["code"], item["severity"]) == ("OVD373", "info")
    item = finding(check(model({**JINJA, "tokenizer_config.json": in_json(OTHER)}), "2025.2"))
    assert (item["code"], item["severity"]) == ("OVD377", "info")


def test_a_pointer_is_no_template(model: Any) -> None:
    item = finding(check(model({"chat_template.jinja": POINTER}), "2026.3"))
    assert (item["code"], item["severity"]) == ("OVD367", "warning")
    assert "lfs pull" in item["remedy"]["steps"][0]["command"]


@pytest.mark.needs_root
def test_a_template_without_rights(model: Any) -> None:
    root = model({**JINJA, **CONFIG})
    (root / "chat_template.jinja").chmod(0o600)
    item = finding(check(root, "2026.3"))
    assert item["code"] == "OVD376"
    assert "no read permission" in item["message"]
    subprocess.run(["sh", "-c", item["remedy"]["steps"][0]["command"]], check=True)
    assert check(root, "2026.3").document["findings"] == []


def test_a_template_that_could_not_be_parsed_is_a_gap(model: Any) -> None:
    found = check(model({"chat_template.jinja": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"}), "2026.3")
    (item,) = found.document["findings"]
    assert (item["code"], found.code) == ("OVD903", 3)
    assert "nested too deeply" in item["message"]
    (row,) = [row for row in found.document["checks"] if row["name"] == "graphs"]
    assert row["status"] == "could_not_look"


def test_an_answer_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(CHATML)
    facts = Facts()
    models = ModelDirectory(str(tmp_path), str(tmp_path), facts)
    local = open_files(None)
    settings = TemplateSettings(parse_release("2026.3"), vision=False, python=True)
    while True:
        try:
            found = chat_template(models, settings, lambda question: Unavailable("it is late"))
            break
        except FactsMissingError as missing:
            facts.add({question: local.answer(question) for question in missing.questions})
    assert (found.outcome, found.unparsed) == ("own", "it is late")


@pytest.mark.parametrize(
    ("files", "release", "turns", "http_status", "message"),
    [
        (JINJA, "2026.3", 2, 200, ""),
        (JINJA, "2025.2", 1, 200, ""),
        (JINJA, "2025.2", 2, 400, "This servable accepts only single message requests"),
        (CONFIG, "2025.2", 2, 200, ""),
        ({"chat_template.jinja": BROKEN}, "2026.3", 1, 400, "Chat template not loaded correctly"),
        (
            {"chat_template.jinja": ""},
            "2025.3",
            1,
            400,
            "Final prompt after applying chat template is empty",
        ),
        ({}, "2026.3", 1, 400, "Chat template not loaded correctly"),
    ],
)
def test_a_request_to_the_model(
    model: Any,
    tmp_path: Path,
    files: dict[str, str],
    release: str,
    turns: int,
    http_status: int,
    message: str,
) -> None:
    root = model(files)
    body = {"model": root.name, "messages": [{"role": "user", "content": "hi"}] * turns}
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body))
    options = ("--path", "/v3/chat/completions", "--ovms-version", release, "--format", "json")
    found = ovms_doctor("request", request, "--model", root, "--as", "model", *options)
    assert found.document["request"]["http_status"] == http_status
    assert message in found.document["request"]["message"]
