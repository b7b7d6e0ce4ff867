"""The collector with Google Cloud Storage: an emulator where it supports the case, else a fake of Google's."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovms_doctor.model.facts import (
    FileContent,
    StoreAccess,
    StoreListing,
    StoreRefusal,
    StoreResponse,
    Unavailable,
)
from ovms_doctor.probes.stores.google import store as google
from ovms_doctor.probes.stores.google.store import GoogleStore
from tests.deadlines import LONG
from tests.stores.fake_gcs import (
    Behaviour,
    FakeGcs,
    ReceivedRequest,
    Reply,
    always,
    denied,
    error_reply,
    first,
    hung_up,
)
from tests.stores.servers import gcs_server

pytestmark = pytest.mark.server

SPECIAL = ["m/1/new\nline", "m/1/50%25+c d.xml", "m/1/é😀.bin", "m/1/a?b#c&d=e", "m/1/'\"\\<>", "m//x"]
#: Objects that the emulator cannot store: it uses keys as paths, and ignores an empty body.
INVALID = ["m/1/..", "m/./x", "m/../x", "/", "//", "m/1/ ", "x" * 1024]
OBJECTS = {
    "m/1/model.xml": b"<net/>",
    "m/1/model.bin": bytes(range(256)),
    "m/1/empty": b"",
    "m/2/": b"",
    "n": b"1",
}

#: The objects in the emulator.
STORED = {key: data for key, data in OBJECTS.items() if data} | {key: key.encode() for key in SPECIAL}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "_PAUSES", (0.01, 0.01))


def store(url: str, bucket: str = "models", time_limit: float = LONG) -> GoogleStore:
    """A client without credentials."""
    return GoogleStore(StoreAccess("gcs", bucket, endpoint=url), {}, {}, time_limit)


def keys(answer: StoreListing | StoreRefusal | Unavailable) -> list[str]:
    assert isinstance(answer, StoreListing), answer
    return [item.key for item in answer.objects]


def refused(answer: object) -> StoreRefusal:
    assert isinstance(answer, StoreRefusal), answer
    return answer


# -- an emulator ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulated() -> Iterator[tuple[str, str]]:
    """An emulator's address, and a bucket with all objects that it can store."""
    with gcs_server() as server:
        bucket = server.bucket()
        server.put(bucket, STORED)
        yield server.endpoint, bucket


@pytest.fixture
def emulated_store(emulated: tuple[str, str]) -> GoogleStore:
    return store(*emulated)


needs_emulator = pytest.mark.needs_module("gcp_storage_emulator")


@needs_emulator
def test_objects_are_listed_in_byte_order(emulated_store: GoogleStore) -> None:
    answer = emulated_store.list("m/", 1, False)
    assert keys(answer) == sorted(
        (key for key in STORED if key.startswith("m/")), key=lambda key: key.encode()
    )
    assert isinstance(answer, StoreListing)
    assert not answer.more
    assert {item.key: item.size for item in answer.objects}["m/1/model.bin"] == 256
    assert not any(item.archived for item in answer.objects)


@needs_emulator
def test_a_delimited_list_ends_at_the_next_slash(emulated_store: GoogleStore) -> None:
    answer = emulated_store.list("m/", 1, True)
    assert isinstance(answer, StoreListing)
    assert (keys(answer), answer.prefixes) == ([], ("m//", "m/1/"))
    assert keys(emulated_store.list("", 1, True)) == ["n"]


@needs_emulator
@pytest.mark.parametrize("key", SPECIAL)
def test_keys_may_contain_any_characters(emulated_store: GoogleStore, key: str, tmp_path: Path) -> None:
    assert emulated_store.read(key, 0, 100) == FileContent(key.encode(), len(key.encode()))
    assert emulated_store.download(key, str(tmp_path / "file")) == StoreResponse()
    assert (tmp_path / "file").read_bytes() == key.encode()


@needs_emulator
@pytest.mark.parametrize(("first", "length"), [(0, 256), (0, 1000), (0, 1), (10, 5), (250, 100), (255, 1)])
def test_a_part_of_an_object(emulated_store: GoogleStore, first: int, length: int) -> None:
    expected = FileContent(bytes(range(256))[first : first + length], 256)
    assert emulated_store.read("m/1/model.bin", first, length) == expected


@needs_emulator
def test_missing_objects_and_buckets(emulated_store: GoogleStore, emulated: tuple[str, str]) -> None:
    assert keys(emulated_store.list("none/", 1, False)) == []
    assert refused(emulated_store.read("none", 0, 1)).status == 404
    assert refused(store(emulated[0], "other-bucket").list("", 1, False)).status == 404


# -- a fake --------------------------------------------------------------------------------------------


@pytest.fixture
def fake() -> Iterator[FakeGcs]:
    with FakeGcs(OBJECTS) as server:
        yield server


def test_only_reads_are_sent_and_unsigned(fake: FakeGcs, tmp_path: Path) -> None:
    """No request for the bucket either, for which the server's account needs no right."""
    google_store = store(fake.url)
    assert google_store.head() == StoreResponse()
    assert keys(google_store.list("m/1/", 1, False)) == ["m/1/empty", "m/1/model.bin", "m/1/model.xml"]
    assert google_store.read("m/1/model.bin", 3, 2) == FileContent(b"\3\4", 256)
    assert google_store.download("m/1/model.bin", str(tmp_path / "file")) == StoreResponse()
    assert google_store.read("m/1/empty", 0, 10) == FileContent(b"", 0)
    assert google_store.read("m/1/model.xml", 100, 10) == FileContent(b"", 6)
    assert fake.kinds() == ["list", "get", "get", "get", "get"]
    assert {(request.method, request.bearer) for request in fake.requests} == {("GET", "")}


@pytest.mark.parametrize("key", [*SPECIAL, *INVALID])
def test_any_key_reaches_the_store_as_it_is(key: str, tmp_path: Path) -> None:
    with FakeGcs({key: b"data", "m/other": b""}) as fake:
        assert key in keys(store(fake.url).list("", 1, False))
        assert keys(store(fake.url).list(key, 1, False)) == [key]
        assert store(fake.url).read(key, 1, 2) == FileContent(b"at", 4)
        assert store(fake.url).download(key, str(tmp_path / "file")) == StoreResponse()


@pytest.mark.parametrize(("pages", "more"), [(1, True), (2, True), (3, False)])
def test_pages_of_a_thousand_keys(pages: int, more: bool) -> None:
    with FakeGcs({f"m/{number:04}": b"" for number in range(2001)}) as fake:
        answer = store(fake.url).list("m/", pages, False)
    assert isinstance(answer, StoreListing)
    assert keys(answer) == [f"m/{number:04}" for number in range(min(2001, pages * 1000))]
    assert (answer.more, fake.kinds()) == (more, ["list"] * pages)


def test_a_page_may_be_short_or_empty_before_further_pages() -> None:
    with FakeGcs({f"m/{number:04}": b"" for number in range(1001)}, page=400) as fake:
        fake.behaviours.append(first("list", 1, Reply(200, b'{"nextPageToken": "MA=="}')))
        answer = store(fake.url).list("m/", 1, False)
    assert isinstance(answer, StoreListing)
    assert (len(answer.objects), answer.more, fake.kinds()) == (1000, True, ["list"] * 4)


def test_endless_pages_are_stopped() -> None:
    with FakeGcs() as fake:
        fake.behaviours.append(always("list", Reply(200, b'{"nextPageToken": "MA=="}')))
        assert store(fake.url).list("m/", 2, False) == StoreListing((), True)


def test_a_later_page_may_be_refused() -> None:
    with FakeGcs({f"m/{number}": b"" for number in range(3)}, page=1) as fake:
        page = fake.answer
        fake.behaviours.append(
            lambda request: error_reply(403, "no more of them") if "pageToken" in request.query else None
        )
        assert refused(store(fake.url).list("m/", 1, False)).message == "no more of them"
        assert page == fake.answer


def test_refusals_quote_googles_messages(fake: FakeGcs) -> None:
    address = f"127.0.0.1:{fake.port}"
    answer = refused(store(fake.url, "other").list("", 1, False))
    expected = StoreRefusal(
        "ListObjects", 404, "notFound", "The specified bucket does not exist.", host=address
    )
    assert answer == expected
    # The refusal of a read is plain text, without a code.
    answer = refused(store(fake.url).read("m/9", 0, 1))
    assert answer == StoreRefusal("GetObject", 404, "", "No such object: models/m/9", host=address)
    fake.private = True
    answer = refused(store(fake.url).list("m/", 1, False))
    assert (answer.status, answer.code) == (401, "required")
    assert answer.message.startswith("Anonymous caller does not have storage.objects.list access")
    fake.behaviours.append(denied())
    answer = refused(store(fake.url).list("m/", 1, False))
    assert (answer.status, answer.code, answer.temporary) == (403, "forbidden", False)
    assert (
        "reader@models-of-mine.iam.gserviceaccount.com does not have storage.objects.list" in answer.message
    )
    answer = refused(store(fake.url).read("m/1/model.xml", 0, 1))
    assert (answer.call, answer.status) == ("GetObject", 403)
    assert "does not have storage.objects.get access" in answer.message


def test_an_object_removed_between_list_and_read(fake: FakeGcs, tmp_path: Path) -> None:
    google_store = store(fake.url)
    assert "m/1/model.xml" in keys(google_store.list("m/", 1, False))
    del fake.objects["m/1/model.xml"]
    assert refused(google_store.read("m/1/model.xml", 0, 1)).status == 404
    assert refused(google_store.download("m/1/model.xml", str(tmp_path / "file"))).status == 404
    assert not (tmp_path / "file").exists()


BUSY = error_reply(503, "We encountered an internal error. Please try again.", "backendError")
SLOW = error_reply(429, "The rate limit for object reads was exceeded.", "rateLimitExceeded")
BROKEN = Reply(200, b'{"items": [], "kind": "storage#objects"}', cut=10)
HALF = Reply(200, b'{"items": [], "kind": "storage#objects"}', cut=10, ending="close")


@pytest.mark.parametrize("reply", [BUSY, SLOW, error_reply(500, "x"), error_reply(408, "x"), BROKEN, HALF])
def test_busy_store_is_queried_again_at_most_twice(fake: FakeGcs, reply: Reply) -> None:
    fake.behaviours.append(first("list", 2, reply))
    assert keys(store(fake.url).list("m/2/", 1, False)) == ["m/2/"]
    assert len(fake.requests) == 3
    fake.behaviours.append(always("list", reply))
    answer = refused(store(fake.url).list("m/", 1, False))
    assert len(fake.requests) == 6
    assert answer.temporary


def test_repeated_refusals_keep_the_stores_code(fake: FakeGcs) -> None:
    fake.behaviours.append(always("list", SLOW))
    answer = refused(store(fake.url).list("m/", 1, False))
    assert (answer.status, answer.code, answer.problem) == (429, "rateLimitExceeded", "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412])
def test_refused_request_is_not_repeated(fake: FakeGcs, status: int) -> None:
    fake.behaviours.append(always("list", error_reply(status, "No.")))
    assert refused(store(fake.url).list("m/", 1, False)).status == status
    assert len(fake.requests) == 1


DATA = Reply(200, b"x" * 5000, {"X-Goog-Stored-Content-Length": "5000"}, cut=2000)
SHORT = Reply(200, b"x" * 20, {"X-Goog-Stored-Content-Length": "5000"})


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (DATA, "reset"),
        (Reply(200, DATA.body, cut=2000, ending="close"), "truncated"),
        (SHORT, "truncated"),
        (Reply(200, DATA.body, cut=2000, ending="stall"), "timeout"),
        (Reply(stall=True), "timeout"),
        (Reply(200, b"junk", {"Content-Encoding": "gzip"}), "unreadable"),
    ],
)
def test_an_incomplete_body_is_a_refusal(fake: FakeGcs, tmp_path: Path, reply: Reply, problem: str) -> None:
    fake.behaviours.append(always("get", reply))
    google_store = store(fake.url, time_limit=0.6 if problem == "timeout" else LONG)
    answer = refused(google_store.download("m/1/model.bin", str(tmp_path / "file")))
    assert (answer.call, answer.problem, answer.host) == ("GetObject", problem, f"127.0.0.1:{fake.port}")
    assert not (tmp_path / "file").exists()
    assert refused(google_store.read("m/1/model.bin", 0, 5000)).problem == problem


def test_an_interrupted_download_begins_anew(fake: FakeGcs, tmp_path: Path) -> None:
    fake.behaviours.append(first("get", 1, DATA))
    assert store(fake.url).download("m/1/model.bin", str(tmp_path / "file")) == StoreResponse()
    assert (tmp_path / "file").read_bytes() == OBJECTS["m/1/model.bin"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"x"', b"null", b"", b"{", b'{"items": 1}', b'{"items": [1]}', b'{"items": [{}]}', b"\xff\xfe",
     b'{"items": [{"name": 5}]}', b'{"items": [{"name": "a", "size": "x"}]}', b"<html>Log in</html>"],
)  # fmt: skip
def test_an_answer_from_another_server_than_the_store(fake: FakeGcs, body: bytes) -> None:
    fake.behaviours.append(always("list", Reply(200, body)))
    assert refused(store(fake.url).list("m/", 1, False)).problem == "unreadable"


def test_a_page_from_another_server_than_the_store(fake: FakeGcs) -> None:
    fake.behaviours.append(always("list", Reply(403, b"<!DOCTYPE html><html>Blocked</html>")))
    answer = refused(store(fake.url).list("m/", 1, False))
    assert (answer.status, answer.problem) == (403, "unreadable")


def test_no_redirection_is_followed(fake: FakeGcs) -> None:
    with FakeGcs(OBJECTS) as elsewhere:
        location = {"Location": f"{elsewhere.url}/storage/v1/b/models/o"}
        fake.behaviours += [
            always("list", Reply(302, b"", location)),
            always("get", Reply(307, b"", location)),
        ]
        for answer in (store(fake.url).list("", 1, False), store(fake.url).read("n", 0, 1)):
            assert refused(answer).problem == "unreadable"
        assert elsewhere.requests == []


def test_a_server_that_does_not_know_ranges(fake: FakeGcs) -> None:
    fake.behaviours.append(always("get", Reply(200, OBJECTS["m/1/model.bin"])))
    assert store(fake.url).read("m/1/model.bin", 7, 3) == FileContent(b"\7\x08\t", 256)


def test_compressed_object_is_downloaded_as_by_the_server(fake: FakeGcs, tmp_path: Path) -> None:
    headers = {"Content-Encoding": "gzip", "X-Goog-Stored-Content-Encoding": "gzip"}
    fake.behaviours.append(always("get", Reply(200, gzip.compress(b"<net/>"), headers)))
    assert store(fake.url).download("m/1/model.xml", str(tmp_path / "file")) == StoreResponse()
    assert (tmp_path / "file").read_bytes() == b"<net/>"
    assert isinstance(store(fake.url).read("m/1/model.xml", 0, 3), Unavailable)


def test_a_download_makes_a_new_file_or_none(fake: FakeGcs, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name in ("there", "link", "none/file"):
        answer = store(fake.url).download("m/1/model.bin", str(tmp_path / name))
        assert isinstance(answer, Unavailable)
    assert (tmp_path / "there").read_text() == "mine"
    assert not (tmp_path / "target").exists()
    assert fake.requests == []
    assert store(fake.url).download("n", str(tmp_path / "new")) == StoreResponse()
    assert os.stat(tmp_path / "new").st_mode & 0o777 == 0o600


# -- nobody answers ------------------------------------------------------------------------------------


def test_a_closed_port_is_a_refusal() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answer = refused(store(f"http://127.0.0.1:{port}").list("", 1, False))
    assert (answer.problem, answer.status, answer.host) == ("refused", 0, f"127.0.0.1:{port}")
    assert answer.message == "Connection refused"


def test_no_such_host() -> None:
    answer = refused(store("http://store.invalid:1").list("", 1, False))
    assert (answer.problem, answer.host) == ("name", "store.invalid:1")


def test_a_connection_that_ends_without_an_answer() -> None:
    with hung_up() as url:
        assert refused(store(url).list("", 1, False)).problem == "reset"


def test_no_encrypted_connection(fake: FakeGcs) -> None:
    answer = refused(store(fake.url.replace("http:", "https:")).list("", 1, False))
    assert answer.problem == "tls"
    assert fake.requests == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://", "nonsense", "http://a b:1"])
def test_an_invalid_address_is_unavailable(url: str) -> None:
    assert isinstance(store(url).list("", 1, False), Unavailable)


@pytest.mark.parametrize("name", ["", "a/b", "a?b", "-a", "a.", "a b", "ä", "a%2Fb"])
def test_a_bucket_that_cannot_be(fake: FakeGcs, name: str) -> None:
    assert isinstance(store(fake.url, name).list("", 1, False), Unavailable)
    assert fake.requests == []


def test_a_name_that_is_not_utf_8(fake: FakeGcs, tmp_path: Path) -> None:
    google_store = store(fake.url)
    assert isinstance(google_store.list("m/\udcff/", 1, False), Unavailable)
    assert isinstance(google_store.read("m/\udcff", 0, 1), Unavailable)
    assert isinstance(google_store.download("m/\udcff", str(tmp_path / "file")), Unavailable)


def test_answers_survive_being_sent(fake: FakeGcs) -> None:
    """A store may send any text: no character in it breaks the message to the parent."""
    from ovms_doctor.probes.processes.messages import Answered, decode_reply, encode_line

    def behave(request: ReceivedRequest) -> Reply | None:
        return error_reply(403, "a\x00\x1b[31mb\ud800 " + "x" * 5000)

    behaviours: list[Behaviour] = fake.behaviours
    behaviours.append(behave)
    answer = refused(store(fake.url).list("", 1, False))
    assert decode_reply(encode_line(Answered([answer]))) == Answered([answer])
    assert len(answer.message) <= 300
