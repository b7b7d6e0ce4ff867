"""The catalogue: every code once, complete, with a page; and cheap to import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from ovms_doctor.catalogue import CATALOGUE, Code, lookup
from ovms_doctor.catalogue.general import BY_STATUS, GENERAL
from ovms_doctor.model import server_log
from ovms_doctor.model.findings import SEVERITIES, Recovers
from ovms_doctor.model.server_log import Message

ROOT = Path(__file__).parents[2]
CHECKS = {
    "layout",
    "versions",
    "permissions",
    "reading",
    "operations",
    "extension",
    "configuration",
    "parameters",
    "mapping",
    "cache",
    "container",
    "devices",
    "proxies",
    "storage",
    "resources",
    "doctor",
}
HUNDREDS = {
    "layout": "1",
    "versions": "1",
    "permissions": "2",
    "reading": "3",
    "operations": "3",
    "extension": "3",
    "configuration": "4",
    "parameters": "4",
    "mapping": "4",
    "cache": "5",
    "container": "7",
    "devices": "7",
    "proxies": "6",
    "storage": "6",
    "resources": "7",
    "doctor": "9",
}
#: For ever: a code or name that was given out is never changed and never given out again.
_GIVEN = """
OVD101 no-version-directory, OVD102 version-name-not-a-number, OVD103 version-directory-misnamed,
OVD104 version-number-out-of-range, OVD105 duplicate-version-directories, OVD106 base-path-missing,
OVD107 base-path-not-a-directory, OVD108 model-file-not-servable, OVD109 path-escapes,
OVD110 directory-listing-fails, OVD111 no-model-files, OVD112 model-file-pair-incomplete,
OVD113 ambiguous-model-files, OVD115 version-retired-later, OVD116 fallback-missed,
OVD117 startup-never-ends, OVD118 version-not-tried, OVD121 graph-not-followed,
OVD122 generative-not-followed, OVD123 empty-repository, OVD124 link-leaves-target,
OVD131 version-directory-named, OVD133 unused-config-json, OVD201 directory-not-searchable,
OVD202 directory-not-listable, OVD203 model-file-not-readable, OVD204 mapping-config-not-readable,
OVD205 config-file-not-readable, OVD301 not-a-model, OVD302 git-lfs-pointer, OVD303 html-page,
OVD304 archive, OVD305 empty-file, OVD306 truncated-model, OVD307 weights-missing,
OVD308 weights-too-small, OVD309 weights-zero-filled, OVD310 weights-trailing-bytes,
OVD311 ir-version-unsupported, OVD312 xml-malformed, OVD313 dangling-link, OVD314 special-file,
OVD315 weights-name-mismatch, OVD316 graph-inconsistent, OVD317 empty-model,
OVD318 external-data-missing, OVD319 xml-tolerated, OVD321 needs-extension,
OVD322 operation-not-in-release, OVD323 element-type-not-in-release, OVD324 operation-unknown,
OVD331 no-inputs, OVD332 no-outputs, OVD333 unnamed-tensor, OVD341 openvino-refuses,
OVD342 compile-refused, OVD343 runtime-crash, OVD344 saved-model-path-cut,
OVD351 extension-not-readable, OVD352 extension-no-library, OVD353 extension-other-machine,
OVD354 extension-other-openvino, OVD355 extension-needs-library, OVD356 extension-no-entry-point,
OVD357 extension-does-not-load, OVD358 extension-hangs, OVD359 extension-lacks-operation,
OVD401 policy-matches-nothing, OVD402 duplicate-model-name, OVD403 config-not-json,
OVD404 config-schema-violation, OVD405 config-file-missing, OVD406 usage-error,
OVD407 version-policy-invalid, OVD408 task-not-inferred, OVD409 no-models-configured,
OVD410 not-looked-at, OVD411 environment-overrides, OVD414 metrics-end-start, OVD415 help-printed,
OVD416 option-without-effect, OVD417 behind-list-given-up, OVD418 key-doubled,
OVD419 key-without-effect, OVD420 custom-loader-missing, OVD421 parameter-malformed,
OVD422 plugin-key-unsupported, OVD423 parameter-ignored, OVD424 parameter-deprecated,
OVD425 tensor-name-unknown, OVD426 tensor-name-mapped, OVD427 parameter-for-one-input,
OVD428 shape-refused, OVD429 batch-size-refused, OVD430 layout-refused,
OVD431 preprocessing-refused, OVD432 device-not-available, OVD433 plugin-value-refused,
OVD434 too-many-requests, OVD435 stateful-dynamic, OVD441 library-not-opened,
OVD442 pipeline-not-served, OVD443 graph-name-taken, OVD444 graph-with-parameters,
OVD445 graph-ignores-parameters, OVD446 no-base-path, OVD447 path-misunderstood,
OVD448 graph-not-loaded, OVD449 text-ends-at-nul, OVD461 mapping-invalid,
OVD462 mapping-unknown-tensor, OVD463 mapping-name-shared, OVD464 mapping-incomplete,
OVD501 cache-not-created, OVD502 cache-not-reached, OVD503 cache-not-searchable,
OVD504 cache-blob-in-the-way, OVD505 cache-not-writable, OVD506 cache-not-a-directory,
OVD507 cache-not-kept, OVD508 cache-without-room, OVD509 cache-left-out,
OVD510 cache-with-custom-loader, OVD511 cache-probe-failed, OVD601 proxy-without-port,
OVD602 proxy-not-understood, OVD603 proxy-variable-unread, OVD604 proxy-set-to-nothing,
OVD605 no-proxy-not-asked, OVD606 proxy-over-tls, OVD607 proxy-password-ambiguous,
OVD608 proxy-not-passed, OVD621 aws-bucket-missing, OVD622 aws-host-in-path,
OVD623 aws-host-taken-for-bucket, OVD624 aws-anonymous, OVD625 aws-keys-empty,
OVD626 aws-session-token-unread, OVD627 aws-profile-beside-keys,
OVD628 aws-endpoint-variable-unread, OVD629 aws-endpoint-form, OVD630 aws-endpoint-host-invalid,
OVD631 aws-bucket-in-host-name, OVD632 aws-region-empty, OVD633 aws-two-regions,
OVD634 aws-region-not-set, OVD635 remote-single-file, OVD636 remote-configuration,
OVD637 remote-graph, OVD638 gcs-anonymous, OVD639 gcs-credentials-empty,
OVD640 gcs-key-file-unusable, OVD641 gcs-emulator-variable-unread, OVD642 gcs-bucket-missing,
OVD643 azure-path-refused, OVD644 azure-connection-string-missing, OVD645 store-path-misread,
OVD651 store-access-denied, OVD652 bucket-not-found, OVD653 bucket-in-other-region, OVD654
bucket-list-needs-prefix, OVD655 store-credentials-refused, OVD656 clock-skewed, OVD657
store-unreachable, OVD658 store-proxy-refuses, OVD659 store-path-empty, OVD660
versions-behind-first-page, OVD661 files-not-downloaded, OVD662 download-refused, OVD663
object-archived, OVD664 version-directory-not-downloaded, OVD666 gcs-list-refused,
OVD701 oom-killed, OVD702 killed-from-outside, OVD703 ended-over-arguments, OVD704 ended-at-start,
OVD705 ended-with-its-help, OVD706 illegal-instruction, OVD707 aborted, OVD708 crashed,
OVD709 stopped, OVD710 restarts-again-and-again, OVD711 evicted, OVD712 probe-cannot-succeed,
OVD713 never-started, OVD716 mount-empty,
OVD718 mount-hides-models, OVD721 port-published-not-listening, OVD722 selinux-label-missing,
OVD723 user-namespace, OVD724 read-only-without-tmp, OVD726 image-latest-is-old,
OVD728 image-without-driver, OVD731 device-not-accessible, OVD732 device-not-present,
OVD733 device-name-unknown, OVD734 default-device-is-gpu, OVD741 memory-does-not-fit,
OVD742 memory-tight, OVD743 no-room-for-a-new-version, OVD745 quota-not-seen, OVD901 check-crashed,
OVD902 check-timed-out, OVD903 could-not-look, OVD904 load-timed-out, OVD905 load-out-of-memory,
OVD906 plugin-unusable, OVD907 plugin-finding-refused
"""
NAMES = dict(re.findall(r"(OVD\d{3}) ([a-z-]+)", _GIVEN))

#: Everything that a plain install brings and that takes time to load, or a terminal.
HEAVY = set(
    "rich typer click openvino numpy rapidjson jsonschema yaml psutil boto3 docker google elftools".split()
)


def test_codes_and_names_stay_as_they_are() -> None:
    assert {code: entry.name for code, entry in CATALOGUE.items() if code in NAMES} == NAMES


def test_names_are_unique() -> None:
    names = [entry.name for entry in CATALOGUE.values()]
    assert len(set(names)) == len(names)


def test_in_the_order_of_the_codes() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE)


def test_entries_are_complete() -> None:
    for code in CATALOGUE.values():
        _check_entry(code)


def _check_entry(code: Code) -> None:
    assert CATALOGUE[code.code] is code
    assert re.fullmatch(r"OVD[1-9]\d\d", code.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code.name)
    assert code.severity in SEVERITIES
    assert code.check in CHECKS
    assert code.code[3] == HUNDREDS[code.check]
    assert code.recovers is None or code.recovers in get_args(Recovers)
    assert not code.summary.endswith("."), "a summary is a phrase; who shows it ends it"
    for text in (code.meaning, code.remedy, code.releases):
        assert text.endswith("."), text
    for text in (code.summary, code.meaning, code.remedy, code.releases):
        assert "  " not in text
        assert text == text.strip()
        assert text.isprintable()


def test_see_also_leads_somewhere_else() -> None:
    wrong = {
        code.code: code.see_also
        for code in CATALOGUE.values()
        if not code.see_also or not set(code.see_also) <= set(CATALOGUE) - {code.code}
    }
    assert wrong == {}


def test_every_message_of_the_server_log_is_explained() -> None:
    """By a code, or among the messages that name no cause."""
    messages = {item.text for item in vars(server_log).values() if isinstance(item, Message)}
    explained = {message.text for code in CATALOGUE.values() for message in code.messages}
    explained |= {text for general in GENERAL for text in general.texts}
    assert messages - explained == {server_log.RELOAD_THREW.text}


def test_general_messages_name_known_codes() -> None:
    named = {code for general in GENERAL for code in general.codes}
    named |= {code for table in BY_STATUS.values() for codes in table.values() for code in codes}
    assert named <= set(CATALOGUE)


def test_a_refused_read_is_in_the_table_of_statuses() -> None:
    """All codes that cite OpenVINO's refusal end as "Internal server error", and no others."""
    cite = {code.code for code in CATALOGUE.values() if server_log.READ_FAILED in code.messages}
    assert set(BY_STATUS["version"][server_log.STATUS_TEXT["INTERNAL_ERROR"]]) == cite


@pytest.mark.parametrize(
    "wanted", ["OVD101", "ovd101", " OVD101\n", "no-version-directory", "No-Version-Directory"]
)
def test_lookup(wanted: str) -> None:
    assert lookup(wanted) is CATALOGUE["OVD101"]


@pytest.mark.parametrize("wanted", ["", "OVD", "OVD999", "no version directory", "OVD101x", "\x00", "\udcff"])
def test_lookup_of_nothing(wanted: str) -> None:
    assert lookup(wanted) is None


@pytest.mark.parametrize(
    "module", ["ovms_doctor.catalogue", "ovms_doctor.explain.search", "ovms_doctor.explain.render"]
)
def test_import_is_cheap(module: str) -> None:
    """Nothing but the standard library and our own leaves: no check, no terminal, no runtime."""
    script = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = set(result.stdout.split())
    assert module in loaded
    foreign = {name.split(".")[0] for name in loaded} & HEAVY
    ours = {name.split(".")[1] for name in loaded if name.startswith("ovms_doctor.")}
    assert not foreign
    assert ours <= {"catalogue", "model", "explain"}


def test_pages_are_what_the_catalogue_says() -> None:
    command = [sys.executable, str(ROOT / "scripts/gen_docs.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_pages_are_where_the_entries_say() -> None:
    wrong = [
        code.docs
        for code in CATALOGUE.values()
        if (ROOT / code.docs).read_text("utf-8").count(f"# {code.code} {code.name}\n") != 1
    ]
    assert wrong == []
