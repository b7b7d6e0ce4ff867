"""Chat templates: a model without one, one that the server's engine refuses, one that the release does not read."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Severity, Step
from ovms_doctor.model.graph_plan import ServableFault, ServableFaultKind

CHAT_TEMPLATE_MISSING = Code(
    code="OVD373",
    name="chat-template-missing",
    severity="warning",
    summary="The model has no chat template: chat/completions fails, or uses a default of the server",
    remedy="Put the chat_template.jinja of the original model beside it.",
    recovers="config_change",
    releases="Since 2026.0 chat/completions fails; before, a default template is used.",
    see_also=("OVD371", "OVD377"),
    example=Example("m/openvino_model.xml", "m/openvino_model.xml\nm/chat_template.jinja"),
)
CHAT_TEMPLATE_REFUSED = Code(
    code="OVD376",
    name="chat-template-refused",
    severity="warning",
    summary="The server's template engine refuses the chat template: chat/completions fails, completions works",
    remedy="Correct the chat template, or put the one of the original model in its place.",
    recovers="config_change",
    releases=(
        "The tags generation, break and continue are known since 2025.3, the filter from_json since 2025.4. Builds "
        "without Python use another engine."
    ),
    see_also=("OVD373", "OVD823"),
    example=Example(
        "{% for m in messages %}{{ m.content }}", "{% for m in messages %}{{ m.content }}{% endfor %}"
    ),
)
CHAT_TEMPLATE_NOT_READ = Code(
    code="OVD377",
    name="chat-template-not-read",
    severity="warning",
    summary="The release does not read the file with the chat template, and uses another template",
    remedy="Copy the template to the file that the release reads, or use a newer release.",
    recovers="config_change",
    releases=(
        "With Python, chat_template.jinja is read since 2025.3, the tokenizer's copy since 2026.0. OpenVINO GenAI "
        "reads it since 2025.4, and prefers the tokenizer's copy until 2026.0."
    ),
    see_also=("OVD373", "OVD376"),
    example=Example("OVMS 2025.2: m/chat_template.jinja", "OVMS 2025.2: m/template.jinja"),
)

#: The severities of kinds that are not that of their code.
SEVERITIES: Mapping[ServableFaultKind, Severity] = {
    "chat_template_damaged": "warning",
    "chat_template_default": "info",
    "chat_template_unused": "info",
}
KINDS: frozenset[ServableFaultKind] = frozenset(
    (
        "chat_template",
        "chat_template_refused",
        "chat_template_damaged",
        "chat_template_default",
        "chat_template_unread",
        "chat_template_unused",
    )
)
_DEFAULTS = {
    "one_message": "its built-in default, which accepts exactly one message and adds none of the model's own tokens",
    "generic": "its built-in default (“User: …”), which does not have the model's own tokens",
}
#: Writes the template of a file to another one.
_FROM_JSON = (
    "import json, sys; t = json.load(open(sys.argv[1]))['chat_template']; "
    "t = t if isinstance(t, str) else next(i['template'] for i in t if i['name'] == 'default'); "
    "open(sys.argv[2], 'w').write(t)"
)
_FROM_IR = (
    "import sys, xml.etree.ElementTree as E; t = E.parse(sys.argv[1]).find('rt_info/chat_template'); "
    "t = t if 'value' in t.attrib else t.find('default'); open(sys.argv[2], 'w').write(t.get('value'))"
)


def sentence(fault: ServableFault) -> str:
    """Returns the message about a fault of a chat template."""
    if fault.kind == "chat_template_refused":
        name = "The server's template engine (Jinja)" if fault.subject == "Jinja" else fault.subject
        line = f"line {fault.file_line}: " if fault.file_line else ""
        return f"{name} refuses the chat template in {fault.path}: {line}{fault.detail.rstrip('.')}"
    if fault.kind == "chat_template_damaged":
        return f"{fault.path} is no chat template: {fault.detail}"
    if fault.kind == "chat_template_unread":
        return (
            f"The server does not use the chat template in {fault.path}, and uses {_DEFAULTS[fault.subject]}"
        )
    if fault.kind == "chat_template_unused":
        return f"The server does not use {fault.path}: the template in {fault.subject} is another one, and is used"
    return f"{fault.path} holds no chat template"


CODES: Mapping[ServableFaultKind, tuple[Code, Callable[[ServableFault], str]]] = {
    "chat_template": (CHAT_TEMPLATE_MISSING, sentence),
    "chat_template_default": (CHAT_TEMPLATE_MISSING, sentence),
    "chat_template_refused": (CHAT_TEMPLATE_REFUSED, sentence),
    "chat_template_unread": (CHAT_TEMPLATE_NOT_READ, sentence),
    "chat_template_unused": (CHAT_TEMPLATE_NOT_READ, sentence),
}


def evidence(fault: ServableFault) -> str:
    """Returns what was found in the files."""
    line = f", line {fault.file_line}" if fault.file_line else ""
    if fault.kind == "chat_template_unread":
        refused = f"; the release would refuse it{line}: {fault.detail}" if fault.detail else ""
        return f"{fault.path}: it has a chat template, and no file that the release reads has one{refused}"
    if fault.kind == "chat_template_unused":
        return f"{fault.path} and {fault.subject} have different templates"
    if fault.kind in ("chat_template_refused", "chat_template_damaged"):
        return f"{fault.path}{line}: {fault.detail}"
    return f"{fault.path}: none of the files that can have a chat template has one"


def effect(model: str, fault: ServableFault) -> str:
    """Returns what the server does with a fault of a chat template, and in which builds."""
    build = f" This holds for a build {fault.build}; the server's build is not known." if fault.build else ""
    return f"{model} is AVAILABLE, and /v2/health/ready answers 200. {_effect(fault)}{build}"


def _effect(fault: ServableFault) -> str:
    if fault.kind in ("chat_template", "chat_template_refused"):
        return "Requests to /v3/chat/completions fail; /v3/completions, which text models have, needs none."
    if fault.kind == "chat_template_damaged":
        return "The prompt of each chat request is the text of this file, whatever its messages are."
    if fault.kind == "chat_template_unused":
        return f"Prompts are made with the template in {fault.subject}."
    if fault.subject == "generic":
        return "Prompts of /v3/chat/completions do not have the form for which the model was trained."
    return (
        "/v3/chat/completions answers 400 (“This servable accepts only single message requests”) to a request "
        "with a system message or a second turn."
    )


def steps(context: Context, fault: ServableFault) -> tuple[Step, ...]:
    """Returns the steps that give the server a template that it uses."""
    if fault.kind in ("chat_template_refused", "chat_template_damaged"):
        return _correct(context, fault)
    if fault.kind not in ("chat_template_unread", "chat_template_unused"):
        return (Step("List the directory.", f"ls -la {quote(context.host(fault.path))}", "host", "reads"),)
    directory, name = posixpath.split(fault.path)
    release = context.deployment.release
    if fault.kind == "chat_template_unused" and fault.subject.endswith(".xml"):
        return (Step("Use OVMS 2026.1 or newer, which prefers chat_template.jinja."),)
    target = "chat_template.jinja" if release.at_least(2025, 3) else "template.jinja"
    if name == target:
        return (Step("Use OVMS 2025.4 or newer, which reads the file."),)
    first = _correct(context, fault) if fault.detail else ()
    source, target = quote(context.host(fault.path)), quote(context.host(posixpath.join(directory, target)))
    command = f"cp {source} {target}"
    if not name.endswith(".jinja"):
        script = _FROM_JSON if name.endswith(".json") else _FROM_IR
        command = f"python3 -c {quote(script)} {source} {target}"
    return (
        *first,
        Step("Copy the template to the file that the release reads.", command, "host", "changes files"),
    )


def _correct(context: Context, fault: ServableFault) -> tuple[Step, ...]:
    host = quote(context.host(fault.path))
    if "no read permission" in fault.detail:
        text = f"Let uid {context.deployment.user.uid} read the file."
        return (Step(text, f"chmod a+r {host}", "host", "changes files"),)
    if "Git LFS pointer" in fault.detail:
        directory = quote(context.host(posixpath.dirname(fault.path)))
        text = "Fetch the files that the Git LFS pointers refer to."
        return (Step(text, f"git -C {directory} lfs pull", "host", "changes files"),)
    found = []
    if fault.file_line and fault.path.endswith(".jinja"):
        first = max(1, fault.file_line - 3)
        found = [Step("Read the line.", f"sed -n {first},{fault.file_line + 3}p {host}", "host", "reads")]
    release = context.deployment.release
    if not release.at_least(2025, 3) and _is_newer_tag(fault.detail):
        found.append(Step("Remove the tag, or use OVMS 2025.3 or newer, which knows it."))
    elif not release.at_least(2025, 4) and "from_json" in fault.detail:
        found.append(Step("Remove the filter, or use OVMS 2025.4 or newer, which has it."))
    elif "minja has no" in fault.detail:
        found.append(Step("Write the template without the tag, or use a build with Python."))
    return tuple(found)


def _is_newer_tag(detail: str) -> bool:
    return any(f"unknown tag '{name}'" in detail for name in ("generation", "break", "continue"))
