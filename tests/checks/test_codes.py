"""The codes that the built-in checks declare: each once, complete, with an example and a page."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from ovms_doctor.checks.api import CouldNotLookError, NotApplicableError
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.registry import (
    Check,
    all_checks,
    all_codes,
    arrange,
    check_names,
    run_checks,
    selects,
)
from ovms_doctor.model.codes import PROJECT_URL, Code, page_url
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import SEVERITIES, CausedBy, Finding, Recovers, Severity, Subject
from ovms_doctor.model.plan import BaseProblem, Detection, ModelPlan, Plan
from ovms_doctor.model.releases import parse_release

CHECKS, CODES, CHECK_OF = all_checks(), all_codes(), check_names()
ROOT = Path(__file__).parents[2]
PAGES = ROOT / "ovms_doctor/checks/pages"
#: The hundreds of a check's codes.
HUNDREDS = {
    "layout": "1", "versions": "1", "permissions": "2", "reading": "3", "operations": "3", "extension": "3",
    "graphs": "3",
    "configuration": "4", "parameters": "4", "mapping": "4", "cache": "5", "container": "7", "devices": "7",
    "proxies": "6", "storage": "6", "resources": "7", "requests": "8", "logs": "8", "live": "8", "host": "8",
    "directives": "8", "doctor": "9",
}  # fmt: skip
#: Permanent: a published code or name is never changed and never used again.
_ASSIGNED = """
OVD101 no-version-directory, OVD102 version-name-not-a-number, OVD103 version-directory-misnamed,
OVD104 version-number-out-of-range, OVD105 duplicate-version-directories, OVD106 base-path-missing,
OVD107 base-path-not-a-directory, OVD108 model-file-not-servable, OVD109 path-escapes,
OVD110 directory-listing-fails, OVD111 no-model-files, OVD112 model-file-pair-incomplete,
OVD113 ambiguous-model-files, OVD115 version-retired-later, OVD116 fallback-missed,
OVD117 startup-never-ends, OVD118 version-not-tried, OVD121 graph-not-followed,
OVD122 generative-not-followed, OVD123 empty-repository, OVD124 link-leaves-target,
OVD126 file-outside-mounts, OVD131 version-directory-named, OVD133 unused-config-json, OVD201 directory-not-searchable,
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
OVD361 graph-not-parsed, OVD362 calculator-unknown, OVD363 graph-not-wired, OVD364 models-path-wrong,
OVD365 model-not-converted, OVD366 generative-file-missing, OVD367 generative-file-damaged,
OVD368 generative-file-denied, OVD369 wrong-kind-of-model, OVD370 model-type-unknown, OVD371 tokenizer-missing,
OVD372 tokenizer-of-other-release, OVD373 chat-template-missing, OVD374 generative-setting-refused,
OVD375 generative-model-refused, OVD376 chat-template-refused, OVD377 chat-template-not-read,
OVD381 graph-missing, OVD382 generative-as-classic, OVD383 config-hides-versions, OVD384 links-lead-nowhere,
OVD385 repository-not-writable, OVD386 pull-unfinished, OVD387 name-without-organisation, OVD388 hugging-face-variable,
OVD389 hugging-face-variable-unread, OVD390 pull-without-conversion, OVD391 pull-space, OVD392 graph-rewritten,
OVD393 name-listed-already, OVD394 subconfig-not-read, OVD395 servable-unknown,
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
OVD646 aws-keys-of-another-store, OVD647 aws-files-not-in-home, OVD648 aws-endpoint-is-container,
OVD651 store-access-denied, OVD652 bucket-not-found, OVD653 bucket-in-other-region, OVD654
bucket-list-needs-prefix, OVD655 store-credentials-refused, OVD656 clock-skewed, OVD657
store-unreachable, OVD658 store-proxy-refuses, OVD659 store-path-empty, OVD660
versions-behind-first-page, OVD661 files-not-downloaded, OVD662 download-refused, OVD663
object-archived, OVD664 version-directory-not-downloaded, OVD666 gcs-list-refused, OVD668 gcs-endpoint-is-container,
OVD701 oom-killed, OVD702 killed-from-outside, OVD703 ended-over-arguments, OVD704 ended-at-start,
OVD705 ended-with-its-help, OVD706 illegal-instruction, OVD707 aborted, OVD708 crashed,
OVD709 stopped, OVD710 restarts-again-and-again, OVD711 evicted, OVD712 probe-cannot-succeed,
OVD713 never-started, OVD714 bind-source-missing, OVD715 device-node-missing, OVD716 mount-empty,
OVD717 volume-key-missing,
OVD718 mount-hides-models, OVD719 non-root-not-verified, OVD720 port-not-published, OVD721 port-published-not-listening,
OVD722 selinux-label-missing,
OVD723 user-namespace, OVD724 read-only-without-tmp, OVD725 mountpoint-refused, OVD726 image-latest-is-old,
OVD728 image-without-driver, OVD731 device-not-accessible, OVD732 device-not-present,
OVD733 device-name-unknown, OVD734 default-device-is-gpu, OVD741 memory-does-not-fit,
OVD742 memory-tight, OVD743 no-room-for-a-new-version, OVD744 kv-cache-does-not-fit,
OVD745 quota-not-seen, OVD746 kv-cache-can-outgrow-memory, OVD801 port-in-use,
OVD802 address-not-local, OVD803 port-not-permitted, OVD804 rest-address-is-name,
OVD815 pipeline-run-fails,
OVD816 inference-throws, OVD817 request-processing-fails, OVD818 reload-for-request-fails,
OVD819 pipeline-may-fail, OVD821 graph-definition-invalid, OVD822 generative-model-not-loaded,
OVD823 chat-template-unusable, OVD824 generation-fails, OVD825 python-node-fails,
OVD826 pooling-assumed, OVD827 tokenizers-not-loaded, OVD831 servable-stuck,
OVD832 waiting-dominates, OVD833 generation-cache-full, OVD834 log-ends-while-loading,
OVD835 load-fails-unexplained, OVD836 start-fails-unexplained, OVD841 download-fails,
OVD842 export-tools-missing, OVD843 graph-file-not-written, OVD844 configuration-not-changed,
OVD845 unload-fails, OVD846 temporary-directory-fails, OVD847 log-file-not-writable,
OVD848 configuration-not-reloaded, OVD849 version-not-noticed, OVD850 loaded-files-changed,
OVD851 inference-probe-fails,
OVD861 server-library-missing, OVD862 engine-port-taken, OVD865 image-not-pulled,
OVD901 check-crashed,
OVD871 request-not-json, OVD872 request-structure-invalid, OVD873 request-address-wrong,
OVD874 requested-servable-not-served, OVD875 request-inputs-differ, OVD876 request-datatype-differs,
OVD877 request-shape-differs, OVD878 request-values-missing, OVD879 encoded-input-refused,
OVD880 generative-request-refused, OVD881 request-reloads-model, OVD882 client-refuses-call,
OVD883 request-values-altered,
OVD868 gateway-error, OVD869 server-certificate-refused, OVD870 status-access-refused, OVD886 server-name-unknown,
OVD887 connection-refused, OVD888 server-does-not-answer, OVD889 other-protocol-on-port,
OVD890 tls-differs, OVD891 other-server-on-port, OVD892 proxy-takes-requests,
OVD893 server-still-starting, OVD894 servable-not-available, OVD895 nothing-served,
OVD896 name-not-served, OVD897 infer-requests-busy, OVD898 metrics-off,
OVD899 status-answer-unusable,
OVD884 request-not-received, OVD885 request-sent-to-other-port,
OVD902 check-timed-out, OVD903 could-not-look, OVD904 load-timed-out, OVD905 load-out-of-memory,
OVD906 plugin-unusable, OVD907 plugin-finding-refused,
OVD908 pipeline-not-loaded
"""
NAMES = dict(re.findall(r"(OVD\d{3}) ([a-z-]+)", _ASSIGNED))


def test_codes_and_names_stay_as_they_are() -> None:
    assert {code: CODES[code].name for code in NAMES if code in CODES} == NAMES


def test_each_code_belongs_to_one_check() -> None:
    declared = [code.code for check in CHECKS for code in check.codes]
    assert sorted(declared) == list(CODES)
    names = [code.name for code in CODES.values()]
    assert len(set(names)) == len(names)


def test_each_check_is_registered_once() -> None:
    names = [check.name for check in CHECKS]
    assert sorted(names) == sorted(HUNDREDS)
    assert len({id(check.run) for check in CHECKS}) == len(CHECKS)


def test_codes_are_complete() -> None:
    for code in CODES.values():
        _check_code(code)


def _check_code(code: Code) -> None:
    assert re.fullmatch(r"OVD[1-9]\d\d", code.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code.name)
    assert code.severity in SEVERITIES
    assert code.code[3] == HUNDREDS[CHECK_OF[code.code]]
    assert code.recovers is None or code.recovers in get_args(Recovers)
    assert not code.summary.endswith("."), "a summary is a phrase; who shows it ends it"
    for text in (code.remedy, code.releases):
        assert text.endswith("."), text
    for text in (code.summary, code.remedy, code.releases):
        assert "  " not in text
        assert text == text.strip()
        assert text.isprintable()
    assert code.example is not None
    assert code.example.before.strip()
    assert code.example.after.strip()
    assert code.example.before != code.example.after
    assert (code.docs, code.page) == ("", ""), "these are for third-party codes"


def test_see_also_names_other_existing_codes() -> None:
    wrong = {
        code.code: code.see_also
        for code in CODES.values()
        if not code.see_also or not set(code.see_also) <= set(CODES) - {code.code}
    }
    assert wrong == {}


# -- pages ---------------------------------------------------------------------------------------------


def test_generated_files_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts/gen_docs.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.slow
def test_a_page_that_is_not_current_is_named(tmp_path: Path) -> None:
    """In a copy of the project: one table was edited by hand; the text of a page is kept when the page is
    generated again."""
    copied = ("scripts", "docs/findings/README.md", "docs/ovms-doctor.1", "ovms_doctor")
    command = ["cp", "-r", "--parents", *copied, str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT)
    page = tmp_path / "ovms_doctor/checks/pages/OVD101.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace("| Severity | error", "| Severity | info") + "\nBy hand.\n", "utf-8")
    script = [sys.executable, str(tmp_path / "scripts/gen_docs.py")]
    result = subprocess.run([*script, "--check"], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "ovms_doctor/checks/pages/OVD101.md is not current: run scripts/gen_docs.py\n"
    subprocess.run(script, check=True)
    assert page.read_text("utf-8") == good + "\nBy hand.\n"


def test_each_code_has_a_page_with_text_and_no_page_is_left_over() -> None:
    assert {path.stem for path in PAGES.glob("OVD*.md")} == set(CODES)
    pages = f"{PROJECT_URL}/blob/main/{PAGES.relative_to(ROOT)}"
    assert [code.address for code in CODES.values()] == [f"{pages}/{code}.md" for code in CODES]
    empty = [
        path.name
        for path in PAGES.glob("OVD*.md")
        if len(path.read_text("utf-8").partition("<!-- /facts -->")[2].split()) < 8
    ]
    assert empty == []


def test_links_of_the_pages_lead_to_pages() -> None:
    wrong = [
        (path.name, target)
        for path in PAGES.glob("*.md")
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8"))
        if not (PAGES / target).is_file()
    ]
    assert wrong == []


def test_each_shared_page_is_linked_to() -> None:
    texts = "".join(path.read_text("utf-8") for path in PAGES.glob("OVD*.md"))
    shared = {path.name for path in PAGES.glob("*.md") if not path.stem.startswith("OVD")}
    assert shared
    assert [name for name in shared if f"]({name})" not in texts] == []


# -- causes --------------------------------------------------------------------------------------------


def finding(
    code: str, model: str | None = "m", version: int | None = None, *causes: CausedBy, **more: str
) -> Finding:
    severity: Severity = "warning" if more.get("severity") == "warning" else "error"
    subject = Subject(model, version, server_path=more.get("path"))
    log = (more["log"],) if "log" in more else ()
    return Finding(code, "a-name", severity, subject, "A message", server_log=log, causes=causes)


def causes_of(*findings: Finding) -> list[str]:
    """The codes of the causes of the last of ``findings``, after they are arranged."""
    arranged = {item.fingerprint: item for item in arrange(findings)}
    return [arranged[cause].code for cause in arranged[findings[-1].fingerprint].caused_by]


@pytest.mark.parametrize(
    ("cause", "codes"),
    [
        (CausedBy("OVD111"), ["OVD111", "OVD111"]),
        (CausedBy(version=2), ["OVD111", "OVD301"]),
        (CausedBy("OVD111", version=2), ["OVD111"]),
        (CausedBy("OVD111", path="/m/3"), ["OVD111"]),
        (CausedBy("OVD111", path="/m/4"), []),
        (CausedBy("OVD106"), []),
        (CausedBy("OVD106", any_model=True), ["OVD106"]),
        (CausedBy(check="layout"), ["OVD111", "OVD111"]),
        (CausedBy(check="layout", any_model=True), ["OVD111", "OVD111", "OVD106"]),
        (CausedBy(check="permissions"), []),
        (CausedBy("OVD405"), []),
        (CausedBy("OVD405", any_severity=True), ["OVD405"]),
        (CausedBy("OVD113"), []),
        (CausedBy("OVD113", any_severity=True), ["OVD113"]),
        (CausedBy(), ["OVD111", "OVD111", "OVD301"]),
    ],
)
def test_findings_that_a_cause_describes(cause: CausedBy, codes: list[str]) -> None:
    others = [
        finding("OVD111", "m", 2, path="/m/2"),
        finding("OVD111", "m", 3, path="/m/3"),
        finding("OVD301", "m", 2, path="/m/2/model.xml"),
        finding("OVD113", "m", 2, severity="warning"),
        finding("OVD106", "other", path="/other"),
        finding("OVD405", None, path="/config.json"),
    ]
    assert causes_of(*others, finding("OVD115", "m", 1, cause)) == codes


def test_only_the_first_cause_of_a_chain_is_named() -> None:
    first, second = finding("OVD716"), finding("OVD101", "m", None, CausedBy("OVD716"))
    last = finding("OVD118", "m", None, CausedBy("OVD101"), CausedBy("OVD716"))
    assert causes_of(first, second, last) == ["OVD716"]
    assert causes_of(second, last) == ["OVD101"]


def test_a_finding_is_not_a_cause_of_itself() -> None:
    assert causes_of(finding("OVD101", "m", None, CausedBy("OVD101"))) == []


def test_consequence_has_the_log_lines_of_its_causes() -> None:
    cause = finding("OVD111", "m", 2, log="No model file")
    arranged = arrange([finding("OVD115", "m", 1, CausedBy(version=2)), cause])
    assert [item.code for item in arranged] == ["OVD111", "OVD115"]
    assert arranged[1].server_log == ("No model file",)


def test_causes_in_the_checks_name_codes_that_there_are() -> None:
    named = set()
    for path in (ROOT / "ovms_doctor/checks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "CausedBy":
                named |= {item.value for item in node.args if isinstance(item, ast.Constant)}
    assert {"OVD716", "OVD645"} <= named
    assert named <= set(CODES)


def test_codes_named_anywhere_exist() -> None:
    """Causes are also passed as texts, and the tables of ``explain`` relate codes to each other."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "ovms_doctor").rglob("*.py")]
    named = {
        code
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and re.fullmatch(r"OVD\d{3}( OVD\d{3})*", str(node.value))
        for code in str(node.value).split()
    }
    assert {"OVD631", "OVD638", "OVD702", "OVD884"} <= named
    assert named <= set(CODES)


# -- running -------------------------------------------------------------------------------------------


def test_how_a_check_ends() -> None:
    def finds(context: Context) -> Iterator[Finding]:
        yield context.finding(CODES["OVD101"], "A message", model="m")

    def not_applicable(context: Context) -> Iterator[Finding]:
        raise NotApplicableError("nothing here")

    def could_not_look(context: Context) -> Iterator[Finding]:
        raise CouldNotLookError("no facts")

    def crashes(context: Context) -> Iterator[Finding]:
        yield context.finding(CODES["OVD101"], "A message", model="m")
        raise ValueError("of its own")

    context = Context(
        Deployment("single", parse_release("2026.3"), "given"), Plan("single", "serves"), Facts()
    )
    checks = [
        Check(name=run.__name__, summary="", codes=(CODES["OVD101"],), run=run)
        for run in (finds, not_applicable, could_not_look, crashes)
    ]
    outcomes = run_checks(context, checks)
    assert [(item.name, item.status, item.reason, len(item.findings)) for item in outcomes] == [
        ("finds", "ran", "", 1),
        ("not_applicable", "not_applicable", "nothing here", 0),
        ("could_not_look", "could_not_look", "no facts", 0),
        ("crashes", "crashed", "ValueError: of its own", 0),
    ]
    (found,) = outcomes[0].findings
    assert (found.code, found.name, found.severity) == ("OVD101", "no-version-directory", "error")
    assert found.docs == page_url("OVD101")
    assert found.remedy is not None
    assert found.remedy.summary == CODES["OVD101"].remedy


def test_a_check_that_is_not_imported_has_the_same_outcome() -> None:
    """Where no path names a store, the check of stores is not run: with the same outcome."""
    storage = next(check for check in CHECKS if check.name == "storage")
    for path, found in (("/models/m", []), ("S3://b/m", ["OVD645"])):
        problem = BaseProblem("missing")
        model = ModelPlan(ModelEntry("m", path), Detection("PATH_INVALID", problem=problem))
        context = Context(
            Deployment("single", parse_release("2026.3"), "given"),
            Plan("single", "serves", models=(model,)),
            Facts(),
        )
        run = {outcome.name: outcome for outcome in run_checks(context)}["storage"]
        (complete,) = run_checks(context, [storage])
        assert (run.status, run.reason, run.summary) == ("ran", "", storage.summary)
        assert run.findings == complete.findings
        assert [finding.code for finding in run.findings] == found


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("layout", True),
        ("OVD1", True),
        ("ovd101", True),
        ("no-version-directory", True),
        ("OVD2", False),
        ("", False),
    ],
)
def test_selection(pattern: str, selected: bool) -> None:
    (layout,) = [check for check in CHECKS if check.name == "layout"]
    assert selects([pattern], layout) is selected
    assert (
        selects([pattern], Finding("OVD101", "no-version-directory", "error", Subject(), "A message"))
        is selected
    )
