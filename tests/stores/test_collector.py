"""The collector for stores, apart from its requests: its children, files, secrets and interruptions."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path

import pytest
from msgspec.structs import replace

from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    FileContent,
    HeadBucket,
    InspectCopy,
    ListStore,
    LoadCopy,
    LoadReport,
    ModelInspection,
    PathStatus,
    ReadObject,
    StatPath,
    StoreAccess,
    StoredObject,
    StoreListing,
    StoreRefusal,
    StoreResponse,
    Unavailable,
)
from ovms_doctor.model.mounts import Mount, MountTable
from ovms_doctor.probes.collector import Collector
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.stores import StoreCollector
from ovms_doctor.probes.stores.amazon.client import proxies
from tests.deadlines import LONG, within_some_deadline
from tests.stores.models import BIN, XML, copy_of
from tests.stores.servers import Proxy, S3Server, moto_server
from tests.stores.swift import SwiftServer
from tests.stores.wire import Faulty, Rule, faulty_servers

pytestmark = pytest.mark.server

KEY, SECRET = "AKIDOVMSDOCTOR000002", "ovms/doctor+secret0000000000000000000002"
SECRETS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
ROOT = Path(__file__).parents[2]
Make = Callable[..., Faulty]


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture
def faulty(moto: S3Server) -> Iterator[Make]:
    with faulty_servers(moto.endpoint) as make:
        yield make


def access(endpoint: str, bucket: str = "bucket", proxy: str = "") -> StoreAccess:
    return StoreAccess("s3", bucket, "keys", endpoint, "path", "us-east-1", proxy=proxy)


def ask(
    *questions: AnyQuestion,
    secrets: dict[str, str] = SECRETS,
    deadline: float = LONG,
    jobs: int | None = None,
) -> list[Answer]:
    with (
        LocalCollector(None) as local,
        StoreCollector(secrets, local, deadline=deadline, jobs=jobs) as stores,
    ):
        answers = stores.collect(questions)
    return [answers[question] for question in questions]


def put(server: S3Server, trees: dict[str, dict[str, bytes]]) -> str:
    """A new bucket with a tree below each prefix."""
    bucket = server.bucket()
    server.put(bucket, {prefix + name: data for prefix, tree in trees.items() for name, data in tree.items()})
    return bucket


# -- both collectors as one ----------------------------------------------------------------------------


def test_answers_keep_the_order_of_their_questions(moto: S3Server, tmp_path: Path) -> None:
    at = access(moto.endpoint, put(moto, {"": {"m": b""}}))
    made: list[StoreCollector] = []
    local = LocalCollector(None)

    def stores() -> StoreCollector:
        made.append(StoreCollector(SECRETS, local))
        return made[0]

    questions: list[AnyQuestion] = [ListStore(at, ""), StatPath(str(tmp_path)), HeadBucket(at), StatPath("/")]
    with Collector(local, stores) as collector:
        collector.collect(questions[1:2])
        assert made == []
        answers = collector.collect(questions)
    assert list(answers) == questions
    assert [type(answer) for answer in answers.values()] == [
        StoreListing,
        PathStatus,
        StoreResponse,
        PathStatus,
    ]


# -- children that are ended ---------------------------------------------------------------------------


def test_questions_of_a_killed_child_are_answered_by_another(faulty: Make, moto: S3Server) -> None:
    """The child answers several questions at once: another child answers the ones that did not cause the
    kill, and finds the files that were created by then."""
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = put(moto, {f"{number}/": tree for number in range(6)})
    server = faulty(Rule("drip", path="/0/a.xml"))
    at = access(server.endpoint, bucket)
    copies = [copy_of(at, f"{number}/", tree) for number in range(6)]
    answers = within_some_deadline(
        lambda deadline: ask(
            *(InspectCopy(copy, "a.xml", "ir") for copy in copies), deadline=deadline, jobs=1
        ),
        lambda answers: all(isinstance(answer, ModelInspection) for answer in answers[1:]),
    )
    assert isinstance(answers[0], Unavailable)
    assert answers[0].timed_out
    for answer in answers[1:]:
        assert isinstance(answer, ModelInspection), answer
        assert answer.faults == ()


def test_store_that_never_answers_times_out(faulty: Make) -> None:
    server = faulty(Rule("stall"))
    at = access(server.endpoint)

    def attempt(deadline: float) -> list[Answer]:
        server.requests.clear()
        return ask(*(ReadObject(at, f"key-{number}", 1) for number in range(60)), deadline=deadline, jobs=1)

    answers = within_some_deadline(attempt, lambda answers: isinstance(answers[0], StoreRefusal))
    assert len(server.requests) < 60
    assert isinstance(answers[0], StoreRefusal)
    assert answers[0].problem == "timeout"
    assert isinstance(answers[-1], Unavailable)
    assert answers[-1].timed_out


def test_the_download_of_a_killed_child_is_removed(
    faulty: Make, moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = put(moto, {"1/": tree})
    at = access(faulty(Rule("drip", path="xml")).endpoint, bucket)
    (answer,) = ask(LoadCopy(copy_of(at, "1/", tree), "a.xml", "read"), deadline=2.0)
    assert isinstance(answer, Unavailable)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_download_is_removed(
    faulty: Make, moto: S3Server, tmp_path: Path, number: signal.Signals
) -> None:
    bucket = put(moto, {"m/1/": {"a.xml": XML, "a.bin": BIN}})
    server = faulty(Rule("drip", path="xml$"))
    variables = {
        "S3_ENDPOINT": server.endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    command = [sys.executable, "-m", "ovms_doctor", "check", f"s3://{bucket}/m", "--timeout", "60"]
    command += [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    run = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Under nohup, SIGHUP is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    try:
        while not list(tmp_path.rglob("a.xml")) and run.poll() is None:
            time.sleep(0.05)
        assert list(tmp_path.rglob("a.xml")), "it was never downloaded"
        run.send_signal(number)
        out, err = run.communicate(timeout=LONG)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 130, err
    assert list(tmp_path.iterdir()) == []
    assert SECRET.encode() not in out + err


# -- what is fetched, and what is not ------------------------------------------------------------------


def message(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that is one itself, or a text."""
    return bytes([number << 3 | 2, len(content)]) + content


#: One parameter and one operation, as Paddle writes a program.
PROGRAM = message(1, message(3, message(1, b"weights") + b"\x18\x01") + message(4, message(3, b"mul")))


@pytest.mark.parametrize(
    ("parameters", "kinds"),
    [
        (bytes(range(256)) * 400, []),
        (b"\n\n\n\n<!DOCTYPE html><html><title>Log in</title>" + b" " * 9000, ["weights-html"]),
        (bytes(102400), ["zero-filled"]),
    ],
)
def test_parameters_that_are_not_fetched_are_not_zeros(
    moto: S3Server, parameters: bytes, kinds: list[str]
) -> None:
    """Paddle's parameters are recognised by their start, as on a disk; the hole in the file does not contain it."""
    tree = {"m.pdmodel": PROGRAM, "m.pdiparams": parameters}
    bucket = put(moto, {"1/": tree})
    at = access(moto.endpoint, bucket)
    (answer,) = ask(InspectCopy(copy_of(at, "1/", tree), "m.pdmodel", "paddle"))
    assert isinstance(answer, ModelInspection)
    assert [fault.kind for fault in answer.faults] == kinds
    assert [file.size for file in answer.files] == [len(PROGRAM), len(parameters)]


def test_an_object_that_is_not_what_was_listed(moto: S3Server) -> None:
    """The rules have already used its size as a fact."""
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = put(moto, {"1/": {**tree, "a.bin": BIN * 2}})
    (answer,) = ask(LoadCopy(copy_of(access(moto.endpoint, bucket), "1/", tree), "a.xml", "read"))
    assert answer == Unavailable(f"s3://{bucket}/1/a.bin has changed since it was listed")


@pytest.mark.parametrize(
    ("restored", "archived"),
    [
        ("", True),
        ("<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>", True),
        (
            "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
            "<RestoreExpiryDate>2030-01-01T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>",
            False,
        ),
    ],
)
def test_restored_object_can_be_read(faulty: Make, restored: str, archived: bool) -> None:
    """Amazon's own answer is not available offline."""
    in_glacier = (
        f"<Contents><Key>k</Key><Size>1</Size><StorageClass>GLACIER</StorageClass>{restored}</Contents>"
    )
    body = f"<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{in_glacier}</ListBucketResult>"
    server = faulty(Rule(status=200, code="", body=body.encode()))
    (answer,) = ask(ListStore(access(server.endpoint), ""))
    assert answer == StoreListing((StoredObject("k", 1, archived=archived),))


def test_a_key_that_is_not_utf8(moto: S3Server) -> None:
    at = access(moto.endpoint, put(moto, {}))
    for answer in ask(ReadObject(at, "a\udcff", 1), ListStore(at, "a\udcff")):
        assert isinstance(answer, Unavailable)
        assert "UTF-8" in answer.reason


@pytest.mark.parametrize("keys", [b"", b"<Contents><Key>a</Key><Size>1</Size></Contents>"])
def test_an_endless_list_is_stopped(faulty: Make, keys: bytes) -> None:
    body = b"<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated>" + keys + b"</ListBucketResult>"
    server = faulty(Rule(status=200, code="", body=body))
    (answer,) = ask(ListStore(access(server.endpoint), "", 100))
    assert isinstance(answer, StoreListing)
    assert answer.more
    assert len(server.requests) <= 2
    assert len(answer.objects) == (1 if keys else 0)


def test_many_pages(moto: S3Server) -> None:
    """moto's continuation markers are not keys."""
    keys = [f"m/{number // 2:04}/{number}" for number in range(2003)]
    bucket = moto.bucket()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda key: moto.admin.put_object(Bucket=bucket, Key=key, Body=b""), keys))
    at = access(moto.endpoint, bucket)
    two, whole, parts = ask(ListStore(at, "m/", 2), ListStore(at, "m/", 100), ListStore(at, "m/", 100, True))
    assert isinstance(two, StoreListing)
    assert (len(two.objects), two.more) == (2000, True)
    assert isinstance(whole, StoreListing)
    assert ([item.key for item in whole.objects], whole.more) == (sorted(keys), False)
    assert isinstance(parts, StoreListing)
    assert (parts.objects, len(set(parts.prefixes)), parts.more) == ((), 1002, False)


def test_swift_through_a_proxy(swift: SwiftServer, squid: Proxy) -> None:
    """An S3 of another vendor that checks each signature: all four calls, keys of every kind."""
    unusual = [
        "a b",
        "a%20b",
        "a+b",
        "a%2Bb",
        "%",
        "+",
        "é",
        "\U0001f600",
        "x&y=z",
        "~'*()!",
        "q?#;:@",
        "t\tt",
    ]
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = swift.bucket()
    swift.put(
        bucket, {**{f"k/{name}": name.encode() for name in unusual}, "k+ /1/a.xml": XML, "k+ /1/a.bin": BIN}
    )
    at = StoreAccess("s3", bucket, "keys", swift.endpoint, "path", swift.region, proxy="https_proxy")
    secrets = {
        "AWS_ACCESS_KEY_ID": swift.keys.key,
        "AWS_SECRET_ACCESS_KEY": swift.keys.secret,
        "https_proxy": squid.url,
    }
    head, listed, loaded, inspected, *read = ask(
        HeadBucket(at),
        ListStore(at, "k/"),
        LoadCopy(copy_of(at, "k+ /1/", tree), "a.xml", "read"),
        InspectCopy(replace(copy_of(at, "k+ /1/", tree), limit=0), "a.xml", "ir"),
        *(ReadObject(at, f"k/{name}", 99) for name in unusual),
        secrets=secrets,
    )
    assert isinstance(head, StoreResponse)
    assert isinstance(listed, StoreListing)
    assert [item.key for item in listed.objects] == sorted(f"k/{name}" for name in unusual)
    assert isinstance(loaded, LoadReport)
    assert loaded.outcome == "ok"
    assert isinstance(inspected, ModelInspection)
    assert inspected.faults == ()
    assert read == [FileContent(name.encode(), len(name.encode())) for name in unusual]
    assert len(squid.log(5 + len(unusual))) >= 5 + len(unusual)
    wrong = {**secrets, "https_proxy": squid.url_with(squid.user, "not-it")}
    for answer in ask(HeadBucket(at), LoadCopy(copy_of(at, "k+ /1/", tree), "a.xml", "read"), secrets=wrong):
        assert isinstance(answer, StoreRefusal)
        assert (answer.status, answer.problem, answer.host) == (407, "proxy", f"{squid.host}:{squid.port}")


# -- who answered --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(faulty: Make, moto: S3Server, status: int) -> None:
    """The server's libcurl would follow, with an unknown result."""
    moto.forget()
    redirect = {"Location": f"{moto.endpoint}/bucket", "Content-Type": "text/html"}
    server = faulty(Rule(status=status, code="", body=b"<html>moved</html>", headers=redirect))
    for answer in ask(HeadBucket(access(server.endpoint)), ListStore(access(server.endpoint), "")):
        assert isinstance(answer, StoreRefusal)
        assert (answer.status, answer.problem) == (status, "unreadable")
    assert len(server.requests) == 2
    assert moto.log() == []


@pytest.mark.parametrize(
    ("hours", "code"), [(0, ""), (1, "RequestTimeTooSkewed"), (-1, "RequestTimeTooSkewed")]
)
def test_wrong_clock_is_reported_for_a_response_without_text(faulty: Make, hours: int, code: str) -> None:
    """The server's SDK corrects its clock; the collector does not."""
    date = formatdate(time.time() + hours * 3600, usegmt=True)
    server = faulty(Rule(status=403, code="", headers={"Date": date}))
    (answer,) = ask(HeadBucket(access(server.endpoint)))
    assert isinstance(answer, StoreRefusal)
    assert (answer.status, answer.code) == (403, code)


PAGE = b"<html><title>Blocked</title></html>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"


@pytest.mark.parametrize(
    ("headers", "body", "problem"),
    [
        ({"Server": "squid/5.7", "Content-Type": "text/html"}, PAGE, "proxy"),
        ({"Via": "1.1 gate", "Content-Type": "text/html"}, PAGE, "proxy"),
        ({"X-Squid-Error": "ERR_ACCESS_DENIED 0"}, PAGE, "proxy"),
        ({"Via": "1.1 gate"}, DENIED, ""),
        ({"Via": "1.1 gate", "Content-Type": "text/html", "x-amz-request-id": "1"}, b"", ""),
    ],
)
def test_a_proxys_own_answer(faulty: Make, headers: dict[str, str], body: bytes, problem: str) -> None:
    """A proxy that forwards the store's answer adds its name too."""
    answering_proxy = faulty(Rule(status=403, code="", body=body, headers=headers))
    secrets = {**SECRETS, "https_proxy": f"http://127.0.0.1:{answering_proxy.port}"}
    (answer,) = ask(ListStore(access("http://store.invalid", proxy="https_proxy"), ""), secrets=secrets)
    assert isinstance(answer, StoreRefusal)
    assert (answer.status, answer.problem) == (403, problem)
    assert answer.host == (f"127.0.0.1:{answering_proxy.port}" if problem else "store.invalid:80")
    assert answer.code == ("AccessDenied" if body is DENIED else "")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h:912", "http://h:912"),
        ("https://h:443/", "https://h:443"),
        ("http://u:p%40w@h:1", "http://u:p%40w@h:1"),
        ("http://dom\\u:p/w@h:1", "http://dom%5Cu:p%2Fw@h:1"),
        # libcurl finds a user in the remaining host; it has priority and no password.
        ("http://u:p@w@h:1", "http://h:1"),
        ("http://u@h:1", "http://h:1"),
        ("http://h:70000", "http://h:1080"),
        ("h:912", ""),
        ("HTTP://h:912", ""),
        ("http://[::1]:3128", ""),
        ("http://h:912/path", ""),
        ("", ""),
    ],
)
def test_a_proxy_is_parsed_like_in_the_server(text: str, url: str) -> None:
    assert proxies(text) == ({"http": url, "https": url} if url else {})


# -- profiles ------------------------------------------------------------------------------------------

FILES = ("/home/ovms/.aws/credentials", "/home/ovms/.aws/config")
KEYS = "aws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret-of-the-profile\n"


@pytest.mark.parametrize(
    ("credentials", "config", "signed"),
    [
        (f"[mine]\n{KEYS}", "[profile mine]\nregion = eu-west-1\n", "AKIDPROFILE eu-west-1"),
        (f"[mine]\n{KEYS}region = eu-west-2\n", "[mine]\nregion = eu-west-3\n", "AKIDPROFILE us-east-1"),
        (f"[mine]\n{KEYS}", "", "AKIDPROFILE us-east-1"),
        (f"[profile mine]\n{KEYS}", "", ""),
        # The SDK's provider reads the credentials file alone.
        ("[mine]\n", f"[profile mine]\n{KEYS}", ""),
        ("no file of profiles", "", ""),
    ],
)
def test_a_profiles_keys_and_its_region(
    faulty: Make, public_dir: Path, credentials: str, config: str, signed: str
) -> None:
    (public_dir / "credentials").write_text(credentials)
    (public_dir / "config").write_text(config)
    server = faulty(Rule(status=403, code="AccessDenied", message="not for AKIDPROFILE"))
    at = StoreAccess("s3", "bucket", "profile", server.endpoint, "path", profile="mine", files=FILES)
    mount = Mount(str(public_dir), "/home/ovms/.aws")
    with LocalCollector(None, mounts=MountTable([mount])) as local, StoreCollector({}, local) as stores:
        answer = stores.collect([ListStore(at, "")])[ListStore(at, "")]
    found = re.findall(r"Credential=(\w+)/\d+/([\w-]+)/s3", "".join(server.heads))
    assert [" ".join(pair) for pair in found] == ([signed] if signed else [])
    assert isinstance(answer, StoreRefusal if signed else Unavailable)
    assert "AKIDPROFILE" not in repr(answer)


# -- secrets -------------------------------------------------------------------------------------------

PASSWORD = "pa%zzsword-of-the-proxy"


@pytest.mark.parametrize("position", ["ho st:912", "h?x:912", "127.0.0.1:70000", "proxy.invalid:1"])
def test_a_proxys_password_is_in_no_answer(moto: S3Server, position: str) -> None:
    secrets = {**SECRETS, "https_proxy": f"http://user:{PASSWORD}@{position}"}
    at = access(moto.endpoint, put(moto, {}), proxy="https_proxy")
    for answer in ask(HeadBucket(at), ListStore(at, ""), secrets=secrets):
        assert isinstance(answer, Unavailable | StoreRefusal)
        assert "sword" not in repr(answer)


def test_child_does_not_inherit_the_environment(moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --env-from-process the server's secrets are in this process's own environment."""
    for name, value in {**SECRETS, "https_proxy": f"http://u:{PASSWORD}@h:1", "OF_MINE": SECRET}.items():
        monkeypatch.setenv(name, value)
    at = access(moto.endpoint, put(moto, {}))
    with LocalCollector(None) as local, StoreCollector(SECRETS, local) as stores:
        assert stores.collect([HeadBucket(at)])[HeadBucket(at)] == StoreResponse("us-east-1")
        (pid,) = stores.pids
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert b"PATH=" in environment
    for secret in (SECRET, KEY, PASSWORD):
        assert secret.encode() not in environment + arguments
