"""The requests to S3: real requests to moto, to moto with users, and over a faulty connection."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
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
    ReadObject,
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
from tests.deadlines import LONG, within_some_deadline
from tests.stores.models import BIN, XML, copy_of
from tests.stores.servers import IamServer, S3Server, iam_server, moto_server, refusing_port
from tests.stores.wire import Faulty, Rule, faulty_servers

pytestmark = pytest.mark.server

KEY, SECRET = "AKIDOVMSDOCTOR000001", "ovms/doctor+secret0000000000000000000001"
SECRETS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
Ask = Callable[..., Answer]


def access(endpoint: str, bucket: str, **more: object) -> StoreAccess:
    settings = {"credentials": "keys", "region": "us-east-1", **more}
    return StoreAccess("s3", bucket, endpoint=endpoint, **settings)  # type: ignore[arg-type]


@pytest.fixture
def closed_port() -> Iterator[int]:
    with refusing_port() as port:
        yield port


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks one question and returns its answer, or several and returns their answers."""
    opened: list[Collector] = []

    def one(
        *questions: AnyQuestion,
        secrets: dict[str, str] | None = None,
        deadline: float = LONG,
        mount: Mount | None = None,
    ) -> Answer | list[Answer]:
        local = LocalCollector(None, mounts=MountTable(() if mount is None else (mount,)))
        settings = SECRETS if secrets is None else secrets
        collector = Collector(local, lambda: StoreCollector(settings, local, deadline=deadline))
        opened.append(collector)
        answers = list(collector.collect(questions).values())
        return answers[0] if len(questions) == 1 else answers

    yield one  # type: ignore[misc]
    for collector in opened:
        collector.close()


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def rights() -> Iterator[IamServer]:
    with iam_server() as server:
        yield server


@pytest.fixture
def faulty(moto: S3Server) -> Iterator[Callable[..., Faulty]]:
    with faulty_servers(moto.endpoint) as make:
        yield make


def filled(server: S3Server, tree: Mapping[str, bytes]) -> str:
    """A new bucket with these objects."""
    name = server.bucket()
    server.put(name, tree)
    return name


def asked_of(server: S3Server) -> list[tuple[str, str]]:
    """(method, path) of the requests since the last set-up."""
    return [(one.method, one.path) for one in server.log()]


# -- what is there -------------------------------------------------------------------------------------


def test_a_bucket_its_keys_and_their_bytes(moto: S3Server, ask: Ask) -> None:
    bucket = filled(moto, {"m/1/a.xml": XML, "m/1/a.bin": BIN, "m/2/": b"", "n": b"12345"})
    at = access(moto.endpoint, bucket)
    assert ask(HeadBucket(at)) == StoreResponse("us-east-1")
    keys = (StoredObject("m/1/a.bin", 12), StoredObject("m/1/a.xml", len(XML)), StoredObject("m/2/", 0))
    assert ask(ListStore(at, "m/")) == StoreListing(keys)
    assert ask(ListStore(at, "", 1, delimited=True)) == StoreListing((StoredObject("n", 5),), False, ("m/",))
    assert ask(ListStore(at, "/m/")) == StoreListing(())
    assert ask(ReadObject(at, "n", 3)) == FileContent(b"123", 5)
    assert ask(ReadObject(at, "m/2/", 3)) == FileContent(b"", 0)


def test_keys_of_every_kind(moto: S3Server, ask: Ask) -> None:
    unusual = ["a b", "a%20b", "a+b", "é", "日本", 'q"', "x&y", "<t>", "[bold]"]
    bucket = filled(moto, {f"m/{name}": name.encode() for name in unusual})
    at = access(moto.endpoint, bucket)
    listed = ask(ListStore(at, "m/"))
    assert isinstance(listed, StoreListing)
    assert {item.key for item in listed.objects} == {f"m/{name}" for name in unusual}
    assert [item.key for item in listed.objects] == sorted(item.key for item in listed.objects)
    for name in unusual:
        assert ask(ReadObject(at, f"m/{name}", 100)) == FileContent(name.encode(), len(name.encode()))


def test_more_than_a_page(moto: S3Server, ask: Ask) -> None:
    bucket = filled(moto, {f"m/{number:04}/a": b"" for number in range(1003)})
    at = access(moto.endpoint, bucket)
    first, all_of_it, parts = ask(
        ListStore(at, "m/"), ListStore(at, "m/", 3), ListStore(at, "m/", 3, delimited=True)
    )  # type: ignore[misc]
    assert (len(first.objects), first.more) == (1000, True)
    assert (len(all_of_it.objects), all_of_it.more) == (1003, False)
    assert (len(parts.prefixes), parts.more) == (1003, False)
    assert len(set(parts.prefixes)) == 1003


def listed(*objects: tuple[str, int], truncated: str = "false") -> Rule:
    """A list that a real store would not return."""
    items = "".join(f"<Contents><Key>{key}</Key><Size>{size}</Size></Contents>" for key, size in objects)
    text = f"<ListBucketResult><Name>b</Name><IsTruncated>{truncated}</IsTruncated>{items}</ListBucketResult>"
    return Rule(method="GET", status=200, code="", body=text.encode())


def test_a_list_in_another_order(faulty: Callable[..., Faulty], ask: Ask) -> None:
    """As from stores that walk through directories: the rules get each key with the prefix once and in order."""
    server = faulty(listed(("m/1/x", 2), ("m/1-old/x", 1), ("m/./x", 4), ("m/1/x", 2), ("other/9/x", 3)))
    answer = ask(ListStore(access(server.endpoint, "b1x"), "m/"))
    assert answer == StoreListing(
        (StoredObject("m/./x", 4), StoredObject("m/1-old/x", 1), StoredObject("m/1/x", 2))
    )


def test_objects_of_negative_size_are_refused(faulty: Callable[..., Faulty], ask: Ask) -> None:
    server = faulty(listed(("m/1/x", -5)))
    answer = ask(ListStore(access(server.endpoint, "b1x"), "m/"))
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "unreadable"


def test_an_archived_object(moto: S3Server, ask: Ask) -> None:
    bucket = filled(moto, {})
    moto.admin.put_object(Bucket=bucket, Key="cold", Body=b"x", StorageClass="GLACIER")
    moto.admin.put_object(Bucket=bucket, Key="warm", Body=b"x", StorageClass="STANDARD_IA")
    listed = ask(ListStore(access(moto.endpoint, bucket), ""))
    assert isinstance(listed, StoreListing)
    assert [item.archived for item in listed.objects] == [True, False]


# -- models --------------------------------------------------------------------------------------------


def test_a_model_is_inspected_by_its_xml_alone(moto: S3Server, ask: Ask) -> None:
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    at = access(moto.endpoint, bucket)
    inspection = ask(InspectCopy(copy_of(at, "m/1/", tree), "a.xml", "ir"))
    assert isinstance(inspection, ModelInspection)
    assert (inspection.faults, inspection.weights_needed) == ((), 12)
    assert [file.path for file in inspection.files] == [
        f"s3://{bucket}/m/1/a.xml",
        f"s3://{bucket}/m/1/a.bin",
    ]
    assert asked_of(moto) == [("GET", f"/{bucket}/m/1/a.xml")]


def test_large_weights_are_not_a_hole(moto: S3Server, ask: Ask) -> None:
    """The placeholder for weights that are not downloaded must not be reported as a fault."""
    big = XML.replace(b'size="12"', b'size="400000"').replace(b'shape="1,3"', b'shape="1,100000"')
    big = big.replace(b"<dim>3</dim>", b"<dim>100000</dim>")
    tree = {"a.xml": big, "a.bin": os.urandom(400000)}
    bucket = filled(moto, {f"1/{name}": content for name, content in tree.items()})
    inspection = ask(InspectCopy(copy_of(access(moto.endpoint, bucket), "1/", tree), "a.xml", "ir"))
    assert isinstance(inspection, ModelInspection)
    assert inspection.faults == ()


def test_weights_of_a_wrong_size_are_checked(moto: S3Server, ask: Ask) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"
    tree = {"a.xml": XML, "a.bin": pointer}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    inspection = ask(InspectCopy(copy_of(access(moto.endpoint, bucket), "m/1/", tree), "a.xml", "ir"))
    assert isinstance(inspection, ModelInspection)
    assert [fault.kind for fault in inspection.faults] == ["weights-lfs-pointer"]
    assert inspection.faults[0].path == f"s3://{bucket}/m/1/a.bin"


def test_openvino_loads_what_was_downloaded(moto: S3Server, ask: Ask) -> None:
    good, bad = {"a.xml": XML, "a.bin": BIN}, {"a.xml": XML, "a.bin": b"short"}
    bucket = filled(
        moto, {f"m/{v}/{name}": data for v, tree in ((1, good), (2, bad)) for name, data in tree.items()}
    )
    at = access(moto.endpoint, bucket)
    one, other = copy_of(at, "m/1/", good), copy_of(at, "m/2/", bad)
    answers = ask(
        InspectCopy(one, "a.xml", "ir"), LoadCopy(one, "a.xml", "read"), LoadCopy(other, "a.xml", "compile")
    )
    assert isinstance(answers, list)
    assert isinstance(answers[0], ModelInspection)
    assert isinstance(answers[1], LoadReport)
    assert answers[1].outcome == "ok"
    assert isinstance(answers[2], LoadReport)
    assert answers[2].outcome == "failed"
    # Each file was downloaded once for both questions about it.
    assert sorted(asked_of(moto)) == [
        ("GET", f"/{bucket}/m/{v}/{name}") for v in (1, 2) for name in ("a.bin", "a.xml")
    ]


def test_the_limit(moto: S3Server, ask: Ask) -> None:
    tree = {"a.xml": XML, "a.bin": b"x" * (2 << 20)}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    small = copy_of(access(moto.endpoint, bucket), "m/1/", tree, 1 << 20)
    refused = ask(LoadCopy(small, "a.xml", "read"))
    assert refused == Unavailable(
        "2 MiB to download, more than the limit of 1 MiB: --download-limit raises it"
    )
    size = sum(map(len, tree.values()))
    close = ask(LoadCopy(replace(small, limit=size - 1), "a.xml", "read"))
    assert close == Unavailable(
        f"{size:,} bytes to download, more than the limit of {size - 1:,}: --download-limit raises it"
    )
    assert asked_of(moto) == []
    assert isinstance(ask(InspectCopy(small, "a.xml", "ir")), ModelInspection)
    assert isinstance(ask(LoadCopy(replace(small, limit=0), "a.xml", "read")), LoadReport)


def test_a_missing_temporary_directory_is_reported(
    moto: S3Server, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    answer = ask(LoadCopy(copy_of(access(moto.endpoint, bucket), "m/1/", tree), "a.xml", "read"))
    assert isinstance(answer, Unavailable)
    assert "no directory to store it" in answer.reason
    assert asked_of(moto) == []


def test_no_download_remains(
    moto: S3Server, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    at = access(moto.endpoint, bucket)
    ask(LoadCopy(copy_of(at, "m/1/", tree), "a.xml", "read"))
    ask(LoadCopy(copy_of(at, "m/9/", tree), "a.xml", "read"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x.bin", "a//b.bin", "./x.bin"])
def test_an_object_name_that_leaves_the_directory(moto: S3Server, ask: Ask, name: str) -> None:
    tree = {"a.xml": XML, name: BIN}
    bucket = filled(moto, {f"m/1/{key}": content for key, content in tree.items()})
    answer = ask(LoadCopy(copy_of(access(moto.endpoint, bucket), "m/1/", tree), "a.xml", "read"))
    assert isinstance(answer, Unavailable)


# -- credentials ---------------------------------------------------------------------------------------


def test_rights_are_the_users(rights: IamServer, ask: Ask) -> None:
    bucket = filled(rights, {"m/1/a.xml": XML})
    arn = f"arn:aws:s3:::{bucket}"
    lists = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:HeadBucket"], "Resource": arn}
    gets = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/*"}
    endpoint = rights.endpoint
    found = {}
    for name, policy in {"all": [lists, gets], "lists": [lists], "gets": [gets]}.items():
        key, secret = rights.user(*policy)
        user_keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        at = access(endpoint, bucket)
        answers = ask(HeadBucket(at), ListStore(at, "m/"), ReadObject(at, "m/1/a.xml", 9), secrets=user_keys)
        assert isinstance(answers, list)
        found[name] = [getattr(answer, "code", "fine") for answer in answers]
        assert getattr(answers[1], "call", "ListObjects") == "ListObjects"
    assert found == {
        "all": ["fine", "fine", "fine"],
        "lists": ["fine", "fine", "AccessDenied"],
        "gets": ["", "AccessDenied", "fine"],
    }


def test_wrong_keys(rights: IamServer, ask: Ask) -> None:
    bucket = filled(rights, {"m": b""})
    key, _ = rights.user()
    codes = {}
    for name, pair in {"secret": (key, "wrong"), "key": ("AKIDNOBODY0000000001", "x")}.items():
        secrets = {"AWS_ACCESS_KEY_ID": pair[0], "AWS_SECRET_ACCESS_KEY": pair[1]}
        answer = ask(ListStore(access(rights.endpoint, bucket), ""), secrets=secrets)
        assert isinstance(answer, StoreRefusal)
        codes[name] = answer.code
    assert codes == {"secret": "SignatureDoesNotMatch", "key": "InvalidAccessKeyId"}


def test_profiles(moto: S3Server, ask: Ask, public_dir: Path) -> None:

    (public_dir / "credentials").write_text(
        f"[mine]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n[empty]\n"
    )
    (public_dir / "config").write_text(
        "[profile role]\nrole_arn = arn:aws:iam::1:role/x\n[profile runs]\ncredential_process = /bin/touch /x\n"
    )
    bucket = filled(moto, {"m": b""})
    files = ("/home/ovms/.aws/credentials", "/home/ovms/.aws/config")
    mount = Mount(str(public_dir), "/home/ovms/.aws")
    results = {}
    for name in ("mine", "empty", "role", "runs", "none"):
        at = access(moto.endpoint, bucket, credentials="profile", profile=name, files=files)
        answer = ask(HeadBucket(at), mount=mount)
        results[name] = answer.reason if isinstance(answer, Unavailable) else type(answer).__name__
    assert results["mine"] == "StoreResponse"
    assert results["role"] == "the profile role has no keys but role_arn, which is not followed here"
    assert "credential_process" in results["runs"]
    assert "has no keys in" in results["empty"]
    assert "has no keys in" in results["none"]
    missing = access(
        moto.endpoint, bucket, credentials="profile", profile="mine", files=("/nowhere/c", "/nowhere/d")
    )
    answer = ask(HeadBucket(missing), mount=mount)
    assert isinstance(answer, Unavailable)
    assert "/nowhere/c cannot be read" in answer.reason


def test_unknown_secret_value(moto: S3Server, ask: Ask) -> None:
    answer = ask(HeadBucket(access(moto.endpoint, "bucket")), secrets={"AWS_ACCESS_KEY_ID": "x"})
    assert isinstance(answer, Unavailable)
    assert answer.reason.startswith("the value of AWS_SECRET_ACCESS_KEY is not known")


def test_no_setting_of_this_process_is_used(
    faulty: Callable[..., Faulty], ask: Ask, closed_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A client that used any of these settings would contact another host, or sign."""
    closed_url = f"http://127.0.0.1:{closed_port}"
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "ALL_PROXY",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
    ):
        monkeypatch.setenv(name, closed_url)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIDHOME\naws_secret_access_key = x\n"
    )
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = eu-west-9\nca_bundle = /nonexistent\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_PROFILE", "default")
    monkeypatch.setenv("AWS_REGION", "eu-west-9")
    server = faulty()
    at = access(server.endpoint, "whatever", credentials="anonymous", addressing="path")
    assert isinstance(ask(HeadBucket(at)), StoreRefusal)
    assert server.requests == [("HEAD", "/whatever")]
    assert "authorization" not in server.heads[0].lower()
    signed = access(server.endpoint, "whatever", region="us-east-1")
    ask(HeadBucket(signed))
    assert f"Credential={KEY}/" in server.heads[1]
    assert "/us-east-1/s3/" in server.heads[1]


def test_secrets_are_on_no_command_line_and_in_no_environment(moto: S3Server) -> None:
    bucket = filled(moto, {"m": b""})
    with LocalCollector(None) as local, StoreCollector(SECRETS, local) as stores:
        stores.collect([HeadBucket(access(moto.endpoint, bucket))])
        assert stores.pids
        for pid in stores.pids:
            for name in ("cmdline", "environ"):
                assert SECRET.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


# -- refusals and troubles -----------------------------------------------------------------------------


def test_a_bucket_in_another_region_is_refused_and_not_followed(
    faulty: Callable[..., Faulty], moto: S3Server, ask: Ask, closed_port: int
) -> None:
    bucket = filled(moto, {"m": b""})
    region_header = {"x-amz-bucket-region": "eu-west-1"}
    moved = Rule(status=301, code="PermanentRedirect", message="elsewhere", headers=region_header)
    server = faulty(moved)
    at = access(server.endpoint, bucket)
    head, listed = ask(HeadBucket(at), ListStore(at, ""))  # type: ignore[misc]
    assert (head.status, head.region) == (301, "eu-west-1")
    assert (listed.status, listed.code, listed.region) == (301, "PermanentRedirect", "eu-west-1")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "InvalidAccessKeyId", "RequestTimeTooSkewed", "AccessDenied"]
)
def test_the_stores_message_is_quoted_without_secrets(
    faulty: Callable[..., Faulty], ask: Ask, code: str
) -> None:
    more = f"<AWSAccessKeyId>{KEY}</AWSAccessKeyId>"
    server = faulty(Rule(status=403, code=code, message=f"Not with {SECRET}\nor so", more=more))
    answer = ask(ListStore(access(server.endpoint, "b1x"), ""))
    assert isinstance(answer, StoreRefusal)
    assert (answer.status, answer.code, answer.problem) == (403, code, "")
    assert SECRET not in repr(answer)
    assert "\n" not in answer.message
    assert answer.host == f"127.0.0.1:{server.port}"


def test_a_storm_passes_or_not(faulty: Callable[..., Faulty], moto: S3Server, ask: Ask) -> None:
    bucket = filled(moto, {"m": b"1"})
    passing, persistent = faulty(Rule(first=2)), faulty(Rule())
    assert ask(ReadObject(access(passing.endpoint, bucket), "m", 1)) == FileContent(b"1", 1)
    answer = ask(ReadObject(access(persistent.endpoint, bucket), "m", 1))
    assert isinstance(answer, StoreRefusal)
    assert (answer.status, answer.code, answer.temporary) == (503, "SlowDown", True)
    assert len(persistent.requests) == 3


CONNECTION_FAULTS = {
    "reset": Rule("reset", after=60),
    "reset in the body": Rule("reset", after=-5),
    "truncated": Rule("truncate", after=-5),
    "hangs up": Rule("hang up"),
    "no XML": Rule(status=200, body=b"<html><body>Welcome</body></html>", code=""),
}


@pytest.mark.parametrize("name", CONNECTION_FAULTS)
def test_connection_failures(faulty: Callable[..., Faulty], moto: S3Server, ask: Ask, name: str) -> None:
    bucket = filled(moto, {"m": b"0123456789"})
    rule = dataclasses.replace(CONNECTION_FAULTS[name], matched=0)
    server = faulty(rule)
    at = access(server.endpoint, bucket)
    question = ListStore(at, "") if name == "no XML" else ReadObject(at, "m", 10)
    answer = ask(question)
    assert isinstance(answer, StoreRefusal), answer
    expected = {"no XML": {"unreadable"}, "truncated": {"truncated"}}.get(name, {"reset", "truncated"})
    assert answer.problem in expected
    assert answer.temporary


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Log in<br>", b'{"status": "ok"}'], ids=["html", "json"])
def test_answers_of_other_programs(faulty: Callable[..., Faulty], ask: Ask, status: int, page: bytes) -> None:
    """A login page, or the store's own console, which answers any path."""
    kind = "text/html" if page.startswith(b"<") else "application/json"
    server = faulty(Rule(status=status, body=page, headers={"Content-Type": kind}))
    answer = ask(ListStore(access(server.endpoint, "b1x"), ""))
    assert isinstance(answer, StoreRefusal)
    assert (answer.status, answer.code) == (status, "")
    assert answer.problem == ("unreadable" if status == 200 else "")
    if status == 200:
        assert len(server.requests) == 1
    elif kind == "text/html":
        assert "a web page" in answer.message


@pytest.mark.parametrize(
    ("reported_region", "region"),
    [("eu-west-1", "eu-west-1"), ("RegionOne", "RegionOne"), (KEY, ""), ("x; y", ""), ("y" * 3000, "")],
)
def test_only_a_valid_region_name_is_accepted(
    faulty: Callable[..., Faulty], ask: Ask, reported_region: str, region: str
) -> None:
    """It is part of a command that users copy."""
    server = faulty(
        Rule(method="HEAD", status=301, headers={"x-amz-bucket-region": reported_region}),
        Rule(status=400, code="AuthorizationHeaderMalformed", more=f"<Region>{reported_region}</Region>"),
    )
    at = access(server.endpoint, "b1x")
    for answer in ask(HeadBucket(at), ListStore(at, "")):  # type: ignore[attr-defined]
        assert isinstance(answer, StoreRefusal)
        assert answer.region == region


def test_a_list_with_an_object_that_has_no_name(faulty: Callable[..., Faulty], ask: Ask) -> None:
    body = b"<ListBucketResult><Name>b1x</Name><Contents><Size>3</Size></Contents></ListBucketResult>"
    server = faulty(Rule(status=200, body=body))
    answer = ask(ListStore(access(server.endpoint, "b1x"), ""))
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "unreadable"


def test_refused_object_is_named(faulty: Callable[..., Faulty], moto: S3Server, ask: Ask) -> None:
    """It is not the object whose name the model has."""
    tree = {"model.bin": BIN, "model.xml": XML}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    server = faulty(Rule(path=r"model\.bin", status=403, code="AccessDenied"))
    answer = ask(LoadCopy(copy_of(access(server.endpoint, bucket), "m/1/", tree), "model.xml", "read"))
    assert isinstance(answer, StoreRefusal)
    assert (answer.status, answer.key) == (403, "m/1/model.bin")


def test_a_stalled_server_is_not_waited_for(faulty: Callable[..., Faulty], ask: Ask) -> None:
    server = faulty(Rule("stall"))
    answer = within_some_deadline(
        lambda deadline: ask(HeadBucket(access(server.endpoint, "b1x")), deadline=deadline),
        lambda answer: isinstance(answer, StoreRefusal),
    )
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "timeout"


def test_a_dripping_server_is_ended(faulty: Callable[..., Faulty], moto: S3Server, ask: Ask) -> None:
    """Each byte arrives in time, the answer never ends: the child is killed."""
    bucket = filled(moto, {"m": b"0123456789"})
    server = faulty(Rule("drip"))
    answer = ask(ReadObject(access(server.endpoint, bucket), "m", 10), deadline=2)
    assert isinstance(answer, Unavailable)
    assert answer.timed_out


def test_a_closed_port_is_a_refusal(ask: Ask, closed_port: int) -> None:
    answer = ask(HeadBucket(access(f"http://127.0.0.1:{closed_port}", "b1x")))
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "refused"


def test_a_host_that_is_not_found(ask: Ask) -> None:
    answer = ask(HeadBucket(access("http://store.invalid:9000", "b1x")))
    assert isinstance(answer, StoreRefusal)
    assert (answer.problem, answer.host) == ("name", "store.invalid:9000")


def test_tls_to_a_server_without_tls_is_refused(moto: S3Server, ask: Ask) -> None:
    answer = ask(HeadBucket(access(moto.endpoint.replace("http:", "https:"), "b1x")))
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "tls"


def test_an_object_that_vanished(faulty: Callable[..., Faulty], moto: S3Server, ask: Ask) -> None:
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = filled(moto, {"m/1/a.xml": XML})
    answer = ask(LoadCopy(copy_of(access(moto.endpoint, bucket), "m/1/", tree), "a.xml", "read"))
    assert isinstance(answer, StoreRefusal)
    assert (answer.call, answer.status, answer.code) == ("GetObject", 404, "NoSuchKey")


def test_a_proxy_is_used_and_its_refusal_recognised(
    faulty: Callable[..., Faulty], moto: S3Server, ask: Ask, closed_port: int
) -> None:
    """A plain-HTTP store through a proxy: the proxy receives the whole address."""
    bucket = filled(moto, {"m": b""})
    refusing = faulty(
        Rule(status=407, code="", body=b"no", headers={"Proxy-Authenticate": 'Basic realm="x"'})
    )
    proxies = {**SECRETS, "https_proxy": f"http://user:{SECRET[:8]}@127.0.0.1:{refusing.port}"}
    answer = ask(HeadBucket(access(moto.endpoint, bucket, proxy="https_proxy")), secrets=proxies)
    assert isinstance(answer, StoreRefusal)
    assert (answer.problem, answer.status) == ("proxy", 407)
    assert refusing.requests == [("HEAD", f"{moto.endpoint}/{bucket}")]
    assert SECRET[:8] not in repr(answer)
    closed_proxy = {**SECRETS, "https_proxy": f"http://127.0.0.1:{closed_port}"}
    answer = ask(HeadBucket(access(moto.endpoint, bucket, proxy="https_proxy")), secrets=closed_proxy)
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "refused"
    unknown = {**SECRETS, "https_proxy": "http://proxy.invalid:3128"}
    answer = ask(HeadBucket(access(moto.endpoint, bucket, proxy="https_proxy")), secrets=unknown)
    assert isinstance(answer, StoreRefusal)
    assert answer.problem == "proxy name"


def test_only_read_requests_are_sent(moto: S3Server, ask: Ask) -> None:
    tree = {"a.xml": XML, "a.bin": BIN}
    bucket = filled(moto, {f"m/1/{name}": content for name, content in tree.items()})
    at = access(moto.endpoint, bucket)
    ask(HeadBucket(at), ListStore(at, ""), ReadObject(at, "m/1/a.bin", 4))
    ask(LoadCopy(copy_of(at, "m/1/", tree), "a.xml", "read"))
    requests = asked_of(moto)
    assert {method for method, _ in requests} == {"GET", "HEAD"}
    assert all(path.startswith(f"/{bucket}") for _, path in requests)
