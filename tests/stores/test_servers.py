"""Each server behaves as other tests need it: tested with plain clients, without the program under test."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.stores import faulty as faults
from tests.stores.faulty import Fault, FaultyStore
from tests.stores.servers import (
    GcsServer,
    IamServer,
    Keys,
    Logged,
    Proxy,
    S3Server,
    allow,
    gcs_server,
    is_listening,
)
from tests.stores.swift import SwiftServer

pytestmark = pytest.mark.server

Open = Callable[..., FaultyStore]
ODD = "m/1/é +%25?#&.bin"


def error_code(call: Callable[..., Any], **arguments: Any) -> str:
    """The code of an S3 error; empty if the call succeeds."""
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def keys(listed: dict[str, Any]) -> list[str]:
    return [item["Key"] for item in listed.get("Contents", [])]


@contextmanager
def open_response(url: str, method: str = "GET") -> Iterator[http.client.HTTPResponse]:
    """An answer without changes, from a client that follows no redirects."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)) as connection:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""))
        yield connection.getresponse()


# -- moto ----------------------------------------------------------------------------------------------


def _stores_objects(server: S3Server) -> None:
    bucket = server.bucket()
    server.put(bucket, {ODD: b"abc", "m/2/": b""})
    assert keys(server.admin.list_objects(Bucket=bucket, Prefix="m/")) == [ODD, "m/2/"]
    with closing(server.admin.get_object(Bucket=bucket, Key=ODD, Range="bytes=1-1")["Body"]) as body:
        assert body.read() == b"b"
    assert keys(server.admin.list_objects(Bucket=bucket, Prefix="/m/")) == []
    assert error_code(server.admin.get_object, Bucket=bucket, Key="none") == "NoSuchKey"


def test_s3_stores_objects(moto: S3Server) -> None:
    _stores_objects(moto)
    assert error_code(moto.admin.head_bucket, Bucket="no-such-bucket") == "404"


def test_a_bucket_is_a_test_s_own(moto: S3Server) -> None:
    assert moto.bucket() != moto.bucket()


def test_a_list_of_s3_ends_after_a_thousand_keys(moto: S3Server) -> None:
    bucket = moto.bucket()
    moto.put(bucket, {f"m/{number:04}": b"" for number in range(1001)})
    listed = moto.admin.list_objects(Bucket=bucket, Prefix="m/")
    assert listed["IsTruncated"]
    assert keys(listed) == [f"m/{number:04}" for number in range(1000)]


def test_s3_log_holds_the_requests_since_the_set_up(moto: S3Server) -> None:
    bucket = moto.bucket()
    moto.put(bucket, {"m/1/a": b"1"})
    assert moto.log() == []
    other = moto.client(Keys("any", "thing"))
    other.head_bucket(Bucket=bucket)
    error_code(other.get_object, Bucket=bucket, Key="m/2/a")
    other.put_object(Bucket=bucket, Key="m/1/b", Body=b"2")
    assert moto.log() == [
        Logged("HEAD", f"/{bucket}", 200),
        Logged("GET", f"/{bucket}/m/2/a", 404),
        Logged("PUT", f"/{bucket}/m/1/b", 200),
    ]
    moto.forget()
    assert moto.log() == []


# -- moto with users and policies ----------------------------------------------------------------------


def test_policies_count(moto_iam: IamServer) -> None:
    bucket = moto_iam.bucket()
    moto_iam.put(bucket, {"m/1/a": b"1"})
    closed_address = moto_iam.client(moto_iam.user())
    lister = moto_iam.client(moto_iam.user(allow("s3:HeadBucket", "s3:ListBucket", on=bucket)))
    reader = moto_iam.client(moto_iam.user(allow("s3:*", on=bucket)))
    assert error_code(closed_address.head_bucket, Bucket=bucket) == "403"
    assert error_code(closed_address.list_objects, Bucket=bucket) == "AccessDenied"
    assert error_code(lister.head_bucket, Bucket=bucket) == ""
    assert keys(lister.list_objects(Bucket=bucket)) == ["m/1/a"]
    assert error_code(lister.get_object, Bucket=bucket, Key="m/1/a") == "AccessDenied"
    assert error_code(reader.get_object, Bucket=bucket, Key="m/1/a") == ""
    assert error_code(reader.list_objects, Bucket=moto_iam.bucket()) == "AccessDenied"


def test_keys_are_checked(moto_iam: IamServer) -> None:
    bucket = moto_iam.bucket()
    wrong = moto_iam.client(Keys(moto_iam.keys.key, "another"))
    unknown = moto_iam.client(Keys("AKIANOSUCHKEY0000000", "another"))
    assert error_code(wrong.list_objects, Bucket=bucket) == "SignatureDoesNotMatch"
    assert error_code(unknown.list_objects, Bucket=bucket) == "InvalidAccessKeyId"
    assert error_code(wrong.head_bucket, Bucket=bucket) == "403"
    assert [one.status for one in moto_iam.log()] == [403, 403, 403]


# -- Swift ---------------------------------------------------------------------------------------------


def test_swift_stores_objects(swift: SwiftServer) -> None:
    _stores_objects(swift)
    assert error_code(swift.admin.list_objects, Bucket="no-such-bucket") == "NoSuchBucket"


def test_swift_checks_signatures(swift: SwiftServer) -> None:
    bucket = swift.bucket()
    for wrong in (Keys(swift.keys.key, "another"), Keys("models:nobody", swift.keys.secret)):
        assert error_code(swift.client(wrong).list_objects, Bucket=bucket) == "SignatureDoesNotMatch"
        assert error_code(swift.client(wrong).head_bucket, Bucket=bucket) == "403"


def test_swift_has_users_without_rights(swift: SwiftServer) -> None:
    bucket = swift.bucket()
    assert error_code(swift.client(swift.other_user).list_objects, Bucket=bucket) == "AccessDenied"
    assert error_code(swift.client(swift.other_user).head_bucket, Bucket=bucket) == "403"
    assert error_code(swift.client(swift.elsewhere).list_objects, Bucket=bucket) == "NoSuchBucket"


def test_swift_refuses_another_region(swift: SwiftServer, faulty: Open) -> None:
    """For a list, the client signs again for the region in the refusal; for a HEAD it cannot know the region."""
    bucket = swift.bucket()
    wire = faulty(swift.endpoint)
    client = S3Server(wire.endpoint, swift.keys, "us-east-1")
    try:
        assert error_code(client.admin.head_bucket, Bucket=bucket) == "400"
        assert error_code(client.admin.list_objects, Bucket=bucket) == ""
    finally:
        client.close()
    assert (wire.requests[0].method, wire.requests[0].status) == ("HEAD", 400)
    lists = [one for one in wire.requests if one.method == "GET"]
    assert [one.status for one in lists] == [400, 200]
    regions = [one.headers["authorization"].split("/")[2] for one in lists]
    assert regions == ["us-east-1", swift.region]


# -- Google Cloud Storage ------------------------------------------------------------------------------


def test_the_emulator_lists_stored_objects(gcs_emulator: GcsServer) -> None:
    bucket = gcs_emulator.bucket()
    gcs_emulator.put(bucket, {"m/1/a b": b"abc", "m/1/é+%25": b"d", "n": b"e"})
    with open_response(f"{gcs_emulator.endpoint}/storage/v1/b/{bucket}/o?prefix=m/") as answer:
        assert [item["name"] for item in json.load(answer)["items"]] == ["m/1/a b", "m/1/é+%25"]
    name = quote("m/1/é+%25", safe="")
    with open_response(
        f"{gcs_emulator.endpoint}/download/storage/v1/b/{bucket}/o/{name}?alt=media"
    ) as answer:
        assert answer.read() == b"d"
    with open_response(f"{gcs_emulator.endpoint}/storage/v1/b/no-such-bucket/o") as answer:
        assert answer.status == 404


# -- a proxy -------------------------------------------------------------------------------------------


def test_the_proxy_lets_only_its_user_through(squid: Proxy, moto: S3Server) -> None:
    bucket = moto.bucket()
    assert error_code(moto.client(proxy=squid.url).list_objects, Bucket=bucket) == ""
    assert error_code(moto.client(proxy=squid.url_with(squid.user, "x")).list_objects, Bucket=bucket) == "407"
    assert (
        error_code(moto.client(proxy=f"http://{squid.host}:{squid.port}").list_objects, Bucket=bucket)
        == "407"
    )
    through, wrong, without = (line.split() for line in squid.log(3))
    assert through[3] == "TCP_MISS/200"
    assert through[5:8] == ["GET", f"{moto.endpoint}/{bucket}?encoding-type=url", squid.user]
    assert (wrong[3], without[3]) == ("TCP_DENIED/407", "TCP_DENIED/407")
    assert len(moto.log()) == 1


# -- a store that misbehaves ---------------------------------------------------------------------------


def test_the_refused_address_refuses_connections(refused: str) -> None:
    with pytest.raises(ConnectionRefusedError), open_response(f"{refused}/"):
        pass


def test_the_wire_passes_on_signed_requests(moto_iam: IamServer, faulty: Open) -> None:
    bucket = moto_iam.bucket()
    moto_iam.put(bucket, {ODD: b"abc"})
    wire = faulty(moto_iam.endpoint)
    user = moto_iam.user(allow("s3:HeadBucket", "s3:ListBucket", "s3:GetObject", on=bucket))
    through = S3Server(wire.endpoint, user)
    try:
        assert error_code(through.admin.head_bucket, Bucket=bucket) == ""
        assert keys(through.admin.list_objects(Bucket=bucket, Prefix="m/")) == [ODD]
        with closing(through.admin.get_object(Bucket=bucket, Key=ODD)["Body"]) as body:
            assert body.read() == b"abc"
        assert error_code(through.admin.put_object, Bucket=bucket, Key="x", Body=b"1") == "AccessDenied"
    finally:
        through.close()
    assert wire.method_and_path_pairs() == [
        ("HEAD", f"/{bucket}"),
        ("GET", f"/{bucket}"),
        ("GET", f"/{bucket}/{ODD}"),
        ("PUT", f"/{bucket}/x"),
    ]
    assert [one.status for one in wire.requests] == [200, 200, 200, 403]
    assert {one.key for one in wire.requests} == {user.key}
    assert wire.requests[1].query["prefix"] == "m/"


ERRORS = [
    (faults.slow_down(), 503, "SlowDown"),
    (faults.denied(), 403, "AccessDenied"),
    (faults.vanished(), 404, "NoSuchKey"),
    (faults.invalid_key(), 403, "InvalidAccessKeyId"),
    (faults.expired_token(), 400, "ExpiredToken"),
    (faults.skewed(), 403, "RequestTimeTooSkewed"),
    (faults.error(418, "Other", "of another kind"), 418, "Other"),
]


@pytest.mark.parametrize(("fault", "status", "code"), ERRORS)
def test_the_refusals_of_s3(fault: Fault, status: int, code: str, faulty: Open) -> None:
    store = faulty()
    store.misbehave(fault)
    with_reply = S3Server(store.endpoint, Keys("a", "b"))
    try:
        assert error_code(with_reply.admin.list_objects, Bucket="models") == code
        assert error_code(with_reply.admin.head_bucket, Bucket="models") == str(status)
    finally:
        with_reply.close()
    assert [(one.method, one.status) for one in store.requests] == [("GET", status), ("HEAD", status)]


def test_a_skewed_clock_shows_in_the_date(faulty: Open) -> None:
    store = faulty()
    store.misbehave(faults.skewed(7200))
    with open_response(f"{store.endpoint}/models") as answer:
        server_time = parsedate_to_datetime(answer.headers["Date"])
        assert answer.headers.get_all("Date") == [answer.headers["Date"]]
    assert server_time > datetime.now(timezone.utc) + timedelta(hours=1)


def test_a_bucket_in_another_region_is_refused(faulty: Open) -> None:
    store = faulty()
    store.misbehave(faults.moved("eu-west-9"), method="HEAD")
    store.misbehave(faults.wrong_region("eu-west-9"))
    with open_response(f"{store.endpoint}/models", "HEAD") as answer:
        assert (answer.status, answer.headers["x-amz-bucket-region"]) == (301, "eu-west-9")
        assert answer.read() == b""
    with open_response(f"{store.endpoint}/models") as answer:
        assert answer.status == 400
        assert b"<Region>eu-west-9</Region>" in answer.read()


def test_followed_redirect_reaches_its_target(faulty: Open) -> None:
    store, target = faulty(), faulty()
    store.misbehave(faults.redirect(f"{target.endpoint}/models"))
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with open_response(f"{store.endpoint}/models") as answer:
        assert (answer.status, answer.headers["Location"]) == (307, f"{target.endpoint}/models")
    assert target.connections == 0
    with pytest.raises(urllib.error.HTTPError, match="501") as left:
        direct.open(f"{store.endpoint}/models", timeout=20)
    left.value.close()
    assert target.method_and_path_pairs() == [("GET", "/models")]


def test_a_page_for_people(faulty: Open) -> None:
    store = faulty()
    store.misbehave(faults.html())
    with open_response(f"{store.endpoint}/models") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert answer.read().startswith(b"<!DOCTYPE html>")


def test_one_rule_for_some_requests_of_one_kind(moto: S3Server, faulty: Open) -> None:
    """An object that is listed but deleted when it is read; a temporary overload."""
    bucket = moto.bucket()
    moto.put(bucket, {"m/1/a": b"1", "m/1/b": b"2"})
    wire = faulty(moto.endpoint)
    wire.misbehave(faults.vanished(), method="GET", path="/m/1/a$")
    wire.misbehave(faults.slow_down(), method="GET", path="/m/1/b$", after=1, times=2)
    through = S3Server(wire.endpoint, moto.keys)
    try:
        assert keys(through.admin.list_objects(Bucket=bucket)) == ["m/1/a", "m/1/b"]
        assert error_code(through.admin.head_object, Bucket=bucket, Key="m/1/a") == ""
        assert error_code(through.admin.get_object, Bucket=bucket, Key="m/1/a") == "NoSuchKey"
        codes = [error_code(through.admin.get_object, Bucket=bucket, Key="m/1/b") for _ in range(4)]
        assert codes == ["", "SlowDown", "SlowDown", ""]
        wire.behave()
        assert error_code(through.admin.get_object, Bucket=bucket, Key="m/1/a") == ""
    finally:
        through.close()


def test_a_body_that_is_cut_off(moto: S3Server, faulty: Open) -> None:
    bucket = moto.bucket()
    moto.put(bucket, {"m/1/a": b"0123456789"})
    wire = faulty(moto.endpoint)
    wire.misbehave(faults.truncated(4))
    moto.admin.put_object_acl(Bucket=bucket, Key="m/1/a", ACL="public-read")
    with open_response(f"{wire.endpoint}/{bucket}/m/1/a") as answer:
        assert answer.headers["Content-Length"] == "10"
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
    assert broken.value.partial == b"0123"


def test_a_connection_that_ends_before_an_answer(faulty: Open) -> None:
    store = faulty()
    store.misbehave(faults.hang_up(), times=1)
    store.misbehave(faults.reset())
    with pytest.raises(http.client.RemoteDisconnected), open_response(f"{store.endpoint}/models"):
        pass
    with pytest.raises(ConnectionResetError), open_response(f"{store.endpoint}/models"):
        pass
    assert [one.status for one in store.requests] == [0, 0]


def test_a_connection_that_is_reset_in_an_answer(faulty: Open) -> None:
    store = faulty()
    store.misbehave(Fault(faults.answer(200, b"0123456789").reply, keep=5, end="reset"))
    with open_response(f"{store.endpoint}/models") as answer, pytest.raises(ConnectionResetError):
        answer.read()


@pytest.mark.parametrize("after", [0, 5])
def test_silence(faulty: Open, after: int) -> None:
    """The client gives up; the faulty store notices it and ends."""
    store = faulty()
    store.misbehave(faults.stall(after))
    with closing(http.client.HTTPConnection(store.host, store.port)) as connection:
        connection.request("GET", "/models")
        while not store.method_and_path_pairs():
            time.sleep(0.01)
        connection.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert store.method_and_path_pairs() == [("GET", "/models")]


def test_a_body_without_an_end(faulty: Open) -> None:
    store = faulty()
    store.misbehave(faults.endless(b"ab"))
    with open_response(f"{store.endpoint}/models") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, None)
        assert answer.read(200_001) == b"ab" * 100_000 + b"a"


def test_a_faulty_store_without_a_fault_answers_501(faulty: Open) -> None:
    store = faulty()
    with open_response(f"{store.endpoint}/models") as answer:
        assert answer.status == 501


# -- their ends ----------------------------------------------------------------------------------------


@pytest.mark.needs_module("gcp_storage_emulator")
def test_a_server_leaves_no_files_and_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    with gcs_server() as server:
        port = int(server.endpoint.rpartition(":")[2])
        assert is_listening(port)
    assert not is_listening(port)
    assert os.listdir(tmp_path) == []
