"""Facts with and without names, and the parts of their reports that are compared."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ovms_doctor.diagnosis.program_words import kept_words
from ovms_doctor.diagnosis.run import begin, report_on
from ovms_doctor.diagnosis.saved_options import options_from_json
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import Facts, codec
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.pseudonyms import PseudonymMap, RedactedFacts, redact_facts
from ovms_doctor.report.json_report import to_document

KEY = bytes(range(16))


def loaded(document: str) -> tuple[Facts, CheckOptions]:
    """The facts and options of a document."""
    header, facts = codec.load(document)
    return facts, options_from_json(header["request"])


_NO_OPTIONS = CheckOptions()


def redacted(
    facts: Facts, options: CheckOptions = _NO_OPTIONS, host: str = ""
) -> tuple[RedactedFacts, PseudonymMap]:
    """The redacted facts and the map."""
    known = kept_words()
    names = PseudonymMap(KEY, known.words)
    return redact_facts(facts, options, host, names, known), names


def outline(facts: Facts, options: CheckOptions) -> dict[str, Any]:
    """The parts of the report on facts that contain no names."""
    return outline_of(to_document(report_on(settled_run(options, facts, None), OutputOptions(), begin(()))))


def outline_of(document: dict[str, Any]) -> dict[str, Any]:
    """The parts of a report that contain no names: outcome, states, findings, and the end of each check."""
    codes = {finding["fingerprint"]: finding["code"] for finding in document["findings"]}
    return {
        "server": [document["server"][name] for name in ("mode", "outcome", "exit_code", "release")],
        "verdict": document["summary"]["verdict"],
        "findings": sorted(
            (
                finding["code"],
                finding["severity"],
                finding["confidence"],
                str(finding["recovers"]),
                str(finding["subject"]["version"]),
                str(finding["subject"]["line"]),
                sorted(codes.get(cause, "") for cause in finding["caused_by"]),
            )
            for finding in document["findings"]
        ),
        "models": sorted(
            str(
                [
                    (item["version"], item["state"], item["later_state"], item["error_code"])
                    for item in model["versions"]
                ]
            )
            for model in document["models"]
        ),
        "checks": [(check["name"], check["status"]) for check in document["checks"]],
    }


def readings(document: str) -> Iterator[str]:
    """A document in all forms in which a name may be searched: in lower case, unchanged, with the escapes of
    JSON and of URLs decoded, and with base64 decoded."""
    texts = [document]
    for name in ("data", "body"):
        for data in re.findall(rf'"{name}":"([A-Za-z0-9+/=]+)"', document):
            texts.append(base64.b64decode(data).decode("latin-1").replace("\0", ""))
    for text in texts:
        for reading in (
            text,
            unquote(text),
            re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text),
        ):
            yield reading.lower()


def leaks(document: str, canaries: list[str]) -> set[str]:
    """The canaries in a document, also as base64."""
    all_readings = list(readings(document))
    found = {canary for canary in canaries for text in all_readings if canary.lower() in text}
    for canary in canaries:
        # The middle part of base64 is the same for each position of the text.
        for shift in range(3):
            middle = base64.b64encode(b" " * shift + canary.encode())[4:-4].decode()
            if len(middle) > 6 and middle in document:
                found.add(canary)
    return found


def texts_of(value: Any) -> Iterator[str]:
    """Every text of a JSON document in order, also keys; base64 is decoded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key in ("data", "body") and isinstance(item, str):
                yield base64.b64decode(item).decode("utf-8", "surrogateescape")
            else:
                yield from texts_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item)


def as_json(facts: Facts) -> list[Any]:
    """Each fact as JSON, in the order of the facts."""
    return [json.loads(codec.dump(Facts({question: answer}), {}))["facts"] for question, answer in facts]
