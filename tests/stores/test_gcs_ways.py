"""The requests to Google Cloud Storage: credentials, proxies, and independence from this process's own settings."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovms_doctor.model.facts import FileContent, StoreAccess, StoreListing, StoreRefusal, Unavailable
from ovms_doctor.probes.stores.google import store as google
from ovms_doctor.probes.stores.google.session import ProxyChangedError, ProxyFormatError, read_proxy
from ovms_doctor.probes.stores.google.store import GoogleStore
from tests.deadlines import LONG
from tests.stores.fake_gcs import (
    CLIENT_SECRET,
    REFRESH_TOKEN,
    SKEWED,
    Behaviour,
    FakeGcs,
    ReceivedRequest,
    Reply,
    always,
    certificate,
    denied,
    error_reply,
    first,
    grant_refused,
    private_key,
    tunnel_refused,
)
from tests.stores.servers import squid_server

pytestmark = pytest.mark.server

OBJECTS = {"m/1/model.xml": b"<net/>", "m/1/model.bin": b"weights"}
KEY = "/run/secrets/key.json"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "_PAUSES", (0.01, 0.01))


@pytest.fixture
def fake() -> Iterator[FakeGcs]:
    """A bucket that requires credentials."""
    with FakeGcs(OBJECTS, private=True) as server:
        yield server


def store(
    url: str,
    content: bytes | None = None,
    proxy: str = "",
    time_limit: float = LONG,
    self_signed: bool = False,
) -> GoogleStore:
    """``content``: the key file, None without credentials; ``proxy``: the value of the variable."""
    access = StoreAccess(
        "gcs",
        "models",
        "anonymous" if content is None else "file",
        endpoint=url,
        files=() if content is None else (KEY,),
        proxy="https_proxy" if proxy else "",
    )
    files = {} if content is None else {KEY: content}
    return GoogleStore(access, {"https_proxy": proxy}, files, time_limit, self_signed=self_signed)


def refused(answer: object) -> StoreRefusal:
    assert isinstance(answer, StoreRefusal), answer
    return answer


def listed(answer: object) -> bool:
    return isinstance(answer, StoreListing) and [item.key for item in answer.objects] == sorted(OBJECTS)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# -- credentials ---------------------------------------------------------------------------------------


def test_a_service_account_gets_one_token_for_all_questions(fake: FakeGcs, tmp_path: Path) -> None:
    google_store = store(fake.url, fake.service_account())
    assert listed(google_store.list("m/", 1, False))
    assert google_store.read("m/1/model.bin", 0, 3) == FileContent(b"wei", 7)
    google_store.download("m/1/model.bin", str(tmp_path / "file"))
    assert fake.kinds() == ["token", "list", "get", "get"]
    assert [request.method for request in fake.requests] == ["POST", "GET", "GET", "GET"]
    assert {request.bearer for request in fake.requests[1:]} == set(fake.issued)


def test_expired_token_is_requested_again(fake: FakeGcs) -> None:
    body = json.dumps({"access_token": "ya29.short", "expires_in": 1, "token_type": "Bearer"}).encode()
    fake.issued.append("ya29.short")
    fake.behaviours.append(always("token", Reply(200, body)))
    google_store = store(fake.url, fake.service_account())
    assert listed(google_store.list("m/", 1, False))
    assert listed(google_store.list("m/", 1, False))
    assert fake.kinds() == ["token", "list"] * 2


def test_self_signed_service_account_requests_no_token(fake: FakeGcs) -> None:
    google_store = store(
        fake.url, fake.service_account(token_uri="https://tokens.invalid/"), self_signed=True
    )
    assert listed(google_store.list("m/", 1, False))
    assert fake.kinds() == ["list"]


def test_a_person_s_file(fake: FakeGcs) -> None:
    for self_signed in (False, True):
        google_store = store(fake.url, fake.authorized_user(), self_signed=self_signed)
        assert listed(google_store.list("m/", 1, False))
    answer = refused(store(fake.url, fake.authorized_user(refresh_token="gone")).list("m/", 1, False))
    assert (answer.call, answer.status, answer.code) == ("Token", 400, "invalid_grant")
    answer = refused(store(fake.url, fake.authorized_user(client_secret="other")).list("m/", 1, False))
    assert (answer.call, answer.status, answer.code) == ("Token", 401, "invalid_client")


def other_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return made.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def test_tokens_that_are_refused(fake: FakeGcs) -> None:
    address = f"127.0.0.1:{fake.port}"

    def answer(content: bytes) -> StoreRefusal:
        return refused(store(fake.url, content).read("m/1/model.xml", 0, 1))

    expected = StoreRefusal("Token", 400, "invalid_grant", "Invalid JWT Signature.", host=address)
    assert answer(fake.service_account(private_key=other_key())) == expected
    assert "account not found" in answer(fake.service_account(client_email="gone@x.test")).message
    for clock in (-7200, 7200):
        fake.clock = clock
        found = answer(fake.service_account())
        assert (found.code, found.message) == ("invalid_grant", SKEWED)
    assert set(fake.kinds()) == {"token"}


def test_an_invalid_token_is_refused(fake: FakeGcs) -> None:
    fake.behaviours.append(always("token", Reply(200, b'{"access_token": "ya29.x", "expires_in": 3599}')))
    answer = refused(store(fake.url, fake.service_account()).list("m/", 1, False))
    assert (answer.call, answer.status, answer.code) == ("ListObjects", 401, "authError")
    # The library would request another token by itself, which would be equally valid.
    assert fake.kinds() == ["token", "list"]


def test_an_account_without_the_right(fake: FakeGcs) -> None:
    fake.behaviours.append(denied())
    answer = refused(store(fake.url, fake.service_account()).list("m/", 1, False))
    assert (answer.call, answer.status, answer.code) == ("ListObjects", 403, "forbidden")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"access_token": "x", "expires_in": "soon"}', b"<html>"]
)
def test_an_invalid_answer_of_a_token_server_is_unreadable(fake: FakeGcs, body: bytes) -> None:
    fake.behaviours.append(always("token", Reply(200, body)))
    answer = refused(store(fake.url, fake.service_account()).list("m/", 1, False))
    assert (answer.call, answer.problem) == ("Token", "unreadable")


def test_a_busy_token_server(fake: FakeGcs) -> None:
    fake.behaviours.append(first("token", 1, grant_refused("busy", 503, "backend")))
    assert listed(store(fake.url, fake.service_account()).list("m/", 1, False))
    fake.requests.clear()
    fake.behaviours.append(always("token", grant_refused("busy", 503, "backend")))
    answer = refused(store(fake.url, fake.service_account()).list("m/", 1, False))
    assert (answer.call, answer.status, answer.temporary) == ("Token", 503, True)
    assert len(fake.requests) <= 3


@pytest.mark.parametrize(
    ("uri", "problem"),
    [("http://127.0.0.1:{closed}/token", "refused"), ("https://127.0.0.1:{port}/token", "tls"),
     ("http://tokens.invalid/token", "name")],
)  # fmt: skip
def test_an_unreachable_token_server_is_a_refusal(fake: FakeGcs, uri: str, problem: str) -> None:
    uri = uri.format(closed=closed_port(), port=fake.port)
    answer = refused(store(fake.url, fake.service_account(token_uri=uri)).list("m/", 1, False))
    assert (answer.call, answer.problem, answer.status) == ("Token", problem, 0)
    assert answer.host.split(":")[0] in uri
    assert fake.requests == []


def test_silent_token_server(fake: FakeGcs) -> None:
    fake.behaviours.append(always("token", Reply(stall=True)))
    answer = refused(store(fake.url, fake.service_account(), time_limit=0.5).list("m/", 1, False))
    assert (answer.call, answer.problem) == ("Token", "timeout")


def test_key_files_that_cannot_be_tried(fake: FakeGcs) -> None:
    info = json.loads(fake.service_account())
    lacking = json.dumps({key: value for key, value in info.items() if key != "client_email"}).encode()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP521R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    contents = [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"{}",
        lacking,
        *(
            json.dumps({"type": kind}).encode()
            for kind in ("external_account", "impersonated_service_account")
        ),
        json.dumps({"type": {"a": 1}}).encode(),
        fake.service_account(private_key=private_key().replace("\n", "\\n")),
        fake.service_account(private_key="nothing"),
        fake.service_account(private_key=7),
        fake.service_account(token_uri=""),
        fake.service_account(token_uri=5),
        fake.service_account(universe_domain="example.test"),
        fake.authorized_user(refresh_token=""),
    ]
    for content in contents:
        answer = store(fake.url, content).list("m/", 1, False)
        assert isinstance(answer, Unavailable), (content[:50], answer)
    answer = store(fake.url, fake.service_account(private_key=pem.decode())).list("m/", 1, False)
    assert isinstance(answer, Unavailable | StoreRefusal)
    named = store(fake.url, b'{"type": "external_account"}').list("m/", 1, False)
    assert isinstance(named, Unavailable)
    assert "external_account" in named.reason
    assert "list" not in fake.kinds()


def test_a_key_file_that_was_not_read(fake: FakeGcs) -> None:
    access = StoreAccess("gcs", "models", "file", endpoint=fake.url, files=(KEY,))
    assert isinstance(GoogleStore(access, {}, {}, 5).list("", 1, False), Unavailable)
    assert fake.requests == []


# -- what this process has of its own ------------------------------------------------------------------


def test_no_setting_of_this_process_is_used(
    fake: FakeGcs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeGcs(OBJECTS) as wrong:
        key = tmp_path / "adc.json"
        key.write_bytes(wrong.service_account())
        config = tmp_path / ".config/gcloud"
        config.mkdir(parents=True)
        (config / "application_default_credentials.json").write_bytes(wrong.authorized_user())
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrc password word\n")
        for name in ("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, wrong.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {
            "HOME": str(tmp_path),
            "CLOUDSDK_CONFIG": str(config),
            "GOOGLE_APPLICATION_CREDENTIALS": str(key),
            "GOOGLE_CLOUD_PROJECT": "another",
            "GOOGLE_CLOUD_QUOTA_PROJECT": "another",
            "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "another.test",
            "GOOGLE_API_USE_CLIENT_CERTIFICATE": "true",
            "GOOGLE_AUTH_TRUST_BOUNDARY_ENABLED": "true",
            "GCE_METADATA_HOST": f"127.0.0.1:{wrong.port}",
            "STORAGE_EMULATOR_HOST": wrong.url,
            "API_ENDPOINT_OVERRIDE": wrong.url,
            "REQUESTS_CA_BUNDLE": str(tmp_path / "none"),
            "CURL_CA_BUNDLE": str(tmp_path / "none"),
        }.items():
            monkeypatch.setenv(name, value)
        answer = refused(store(fake.url).list("m/", 1, False))
        assert (answer.status, answer.code) == (401, "required")
        assert listed(store(fake.url, fake.service_account()).list("m/", 1, False))
        assert listed(store(fake.url, fake.service_account(), self_signed=True).list("m/", 1, False))
        assert listed(store(fake.url, fake.authorized_user()).list("m/", 1, False))
        # If a proxy is set but its value is not known, no other proxy is used instead.
        access = StoreAccess("gcs", "models", endpoint=fake.url, proxy="https_proxy")
        assert isinstance(GoogleStore(access, {}, {}, 5).list("", 1, False), Unavailable)
        # Time for a background thread of a library to send something.
        time.sleep(0.3)
        assert wrong.requests == []
    assert set(fake.kinds()) == {"list", "token"}
    assert all("userProject" not in request.query for request in fake.requests)


def test_without_an_endpoint_googles_address_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever this process's settings are. The request goes through our proxy, which refuses it."""
    with FakeGcs() as proxy:
        proxy.behaviours.append(tunnel_refused(403))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        monkeypatch.setenv("API_ENDPOINT_OVERRIDE", proxy.url)
        answer = refused(store("", proxy=proxy.url).list("m/", 1, False))
    assert (answer.problem, answer.status, answer.host) == ("proxy", 403, f"127.0.0.1:{proxy.port}")
    assert [request.target for request in proxy.requests] == ["storage.googleapis.com:443"]


# -- proxies -------------------------------------------------------------------------------------------


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


#: A value (``{}`` for HOST:PORT), and the user and password that libcurl sends, None for none.
VALUES: list[tuple[str, str | None]] = [
    ("http://{}", None),
    ("{}", None),
    ("{}/", None),
    ("HTTP://{}/path?x", None),
    ("http://u:p@{}", "u:p"),
    ("u:p@{}", "u:p"),
    ("http://u:p%40w%25@{}", "u:p@w%"),
    ("http://u:p%zz@{}", "u:p%zz"),
    ("http://u:é@{}", "u:é"),
    ("http://u@{}", "u:"),
    ("http://u:@{}", "u:"),
    ("http://d\\u:p:q@{}", "d\\u:p:q"),
]
BAD = ["http://u:p@w@{}", "http://u:p/w@{}", "http://u:p#w@{}", " http://{}", "http://{} ", "http://u:p w@{}",
       "http://127.0.0.1:99999", "http://127.0.0.1:x", "http://", "http://a b:1"]  # fmt: skip


@pytest.mark.parametrize(("value", "pair"), VALUES)
def test_proxy_is_used_and_receives_the_client_name(value: str, pair: str | None) -> None:
    """Over plain HTTP, so that a simple proxy can read the request."""
    with FakeGcs(OBJECTS) as proxy:
        google_store = store("http://store.invalid:4443", proxy=value.format(f"127.0.0.1:{proxy.port}"))
        assert listed(google_store.list("m/", 1, False))
        assert google_store.read("m/1/model.bin", 0, 7) == FileContent(b"weights", 7)
    assert [request.kind for request in proxy.requests] == ["list", "get"]
    assert all(request.target.startswith("http://store.invalid:4443/") for request in proxy.requests)
    assert {request.proxy for request in proxy.requests} == {basic(pair) if pair is not None else ""}


@pytest.mark.needs_module("pycurl")
@pytest.mark.parametrize(("value", "pair"), [*VALUES, *((value, "bad") for value in BAD)])
def test_libcurl_interprets_proxy_values_as_predicted(value: str, pair: str | None) -> None:
    import pycurl

    with FakeGcs(OBJECTS) as proxy:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, "http://store.invalid/storage/v1/b/models/o")
        curl.setopt(pycurl.PROXY, value.format(f"127.0.0.1:{proxy.port}").encode())
        curl.setopt(pycurl.NOPROXY, "")
        curl.setopt(pycurl.WRITEFUNCTION, lambda data: len(data))
        curl.setopt(pycurl.TIMEOUT, 30)
        try:
            curl.perform()
            error = 0
        except pycurl.error as raised:
            error = raised.args[0]
        finally:
            curl.close()
    if pair == "bad":
        # An empty name is looked up and not found; the others are refused at once.
        assert error in (pycurl.E_COULDNT_RESOLVE_PROXY, pycurl.E_URL_MALFORMAT)
    else:
        assert (error, [request.proxy for request in proxy.requests]) == (
            0,
            [basic(pair) if pair is not None else ""],
        )


@pytest.mark.parametrize("value", BAD)
def test_a_value_that_is_not_a_proxy(fake: FakeGcs, value: str) -> None:
    with pytest.raises(ProxyFormatError):
        read_proxy(value.format("127.0.0.1:1"))
    answer = refused(store(fake.url, proxy=value.format("127.0.0.1:1")).read("x", 0, 1))
    assert (answer.call, answer.problem) == ("GetObject", "proxy name")
    assert fake.requests == []


@pytest.mark.parametrize(
    ("value", "url"),
    [("proxy.test", "http://proxy.test:1080"), ("http://u:p@proxy.test/", "http://proxy.test:1080"),
     ("https://proxy.test", "https://proxy.test:443"), ("http://[::1]:3128", "http://[::1]:3128"), ("", "")],
)  # fmt: skip
def test_ports_that_are_not_named(value: str, url: str) -> None:
    assert read_proxy(value).url == url


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "socks5h://127.0.0.1:1", "ftp://127.0.0.1:1"])
def test_an_unsupported_kind_of_proxy(fake: FakeGcs, value: str) -> None:
    with pytest.raises(ProxyChangedError):
        read_proxy(value)
    assert isinstance(store(fake.url, proxy=value).list("", 1, False), Unavailable)
    assert fake.requests == []


def test_token_is_requested_through_the_same_proxy(fake: FakeGcs) -> None:
    with FakeGcs() as proxy:
        proxy.behaviours.append(fake.answer)
        content = fake.service_account(token_uri="http://tokens.invalid/token")
        google_store = store("http://store.invalid", content, proxy=f"someone:word@127.0.0.1:{proxy.port}")
        fake.token_uri = "http://tokens.invalid/token"
        assert listed(google_store.list("m/", 1, False))
    assert [request.kind for request in proxy.requests] == ["token", "list"]
    assert {request.proxy for request in proxy.requests} == {basic("someone:word")}


def test_faulty_proxies(fake: FakeGcs) -> None:
    port = closed_port()
    answer = refused(store(fake.url, proxy=f"http://127.0.0.1:{port}").list("", 1, False))
    assert (answer.problem, answer.host) == ("refused", f"127.0.0.1:{port}")
    answer = refused(store(fake.url, proxy="http://u:p@proxy.invalid:3128").list("", 1, False))
    assert (answer.problem, answer.host) == ("proxy name", "proxy.invalid:3128")
    # An encrypted connection to a proxy without encryption.
    answer = refused(store(fake.url, proxy=fake.url.replace("http:", "https:")).list("", 1, False))
    assert (answer.problem, answer.host) == ("tls", f"127.0.0.1:{fake.port}")
    assert fake.requests == []


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(407, b"<html><title>Who?</title>", {"Proxy-Authenticate": "Basic"}), "proxy"),
        (Reply(403, b"<html><title>Not from here</title>", {"Via": "1.1 gate"}), "proxy"),
        (Reply(503, b"<html>", {"X-Squid-Error": "ERR_CONNECT_FAIL 111"}), "proxy"),
        (Reply(503, b"<html>Busy</html>"), ""),
        (error_reply(403, "No."), ""),
    ],
)
def test_refusals_of_the_proxy_and_of_the_store_are_distinguished(reply: Reply, problem: str) -> None:
    with FakeGcs() as proxy:
        proxy.behaviours.append(always("list", reply))
        answer = refused(store("http://store.invalid", proxy=proxy.url).list("", 1, False))
    assert (answer.problem, answer.status) == (problem, reply.status)
    assert answer.host == (f"127.0.0.1:{proxy.port}" if problem else "store.invalid:80")


# -- secrets -------------------------------------------------------------------------------------------


def test_no_secret_is_in_an_answer(fake: FakeGcs) -> None:
    """The server may repeat everything that it received."""

    def repeat(kind: str, status: int) -> Behaviour:
        def behave(request: ReceivedRequest) -> Reply | None:
            if request.kind != kind:
                return None
            pair = base64.b64decode(request.proxy.removeprefix("Basic "))
            return error_reply(
                status, f"You: {pair!r} {request.bearer} {request.proxy} {request.body.decode()}"
            )

        return behave

    password = "s3cr%40t%2Fof+proxy"
    content = [fake.service_account(), fake.authorized_user()]
    texts: list[str] = []
    for kind, status in [
        ("token", 200),
        ("token", 401),
        ("token", 407),
        ("list", 401),
        ("list", 407),
        ("list", 503),
    ]:
        fake.behaviours[:] = [repeat(kind, status)]
        for key in content:
            google_store = store(fake.url, key, proxy=f"http://somebody:{password}@127.0.0.1:{fake.port}")
            texts.append(repr(google_store.list("m/", 1, False)))
    fake.behaviours.clear()
    for key in content:
        texts.append(
            repr(store(fake.url, key, proxy=f"http://somebody:{password}@127.0.0.1:1").list("", 1, False))
        )
    body = "".join(private_key().splitlines()[1:-1])
    hidden = [
        CLIENT_SECRET,
        REFRESH_TOKEN,
        password,
        "s3cr@t/of+proxy",
        "s3cr",
        "somebody",
        "ya29",
        "eyJ",
        *fake.issued,
    ]
    for text in texts:
        assert "StoreRefusal" in text
        for secret in [*hidden, body[:30], body[100:130], basic("somebody:s3cr@t/of+proxy")[6:]]:
            assert secret not in text, text


# -- a real proxy --------------------------------------------------------------------------------------


@pytest.mark.needs_command("squid", "openssl")
def test_requests_through_a_real_proxy(fake: FakeGcs, tmp_path: Path) -> None:
    with squid_server("someone", "w@rd") as squid, FakeGcs(OBJECTS, tls=certificate(tmp_path)) as encrypted:
        address = f"127.0.0.1:{squid.port}"
        google_store = store(fake.url, fake.service_account(), proxy=squid.url)
        assert listed(google_store.list("m/", 1, False))
        assert google_store.read("m/1/model.bin", 0, 3) == FileContent(b"wei", 7)
        answer = refused(store(fake.url, proxy=squid.url).list("m/", 1, False))
        assert (answer.status, answer.problem) == (401, "")
        answer = refused(store(fake.url, proxy=squid.url_with("someone", "other")).list("m/", 1, False))
        assert (answer.status, answer.problem, answer.host) == (407, "proxy", address)
        closed_address = f"http://127.0.0.1:{closed_port()}"
        assert refused(store(closed_address, proxy=squid.url).list("m/", 1, False)).problem == "proxy"
        # An encrypted store: the proxy only sees the address, and the client does not trust the certificate.
        answer = refused(store(encrypted.url, proxy=squid.url).list("m/", 1, False))
        assert (answer.problem, answer.host) == ("tls", f"127.0.0.1:{encrypted.port}")
        answer = refused(store(encrypted.url, proxy=address).list("m/", 1, False))
        assert (answer.problem, answer.status) == ("proxy", 407)
        assert encrypted.requests == []
        log_lines = [" ".join(line.split()[3:8]) for line in squid.log(8)]
    assert any(f"POST {fake.token_uri} someone" in line for line in log_lines), log_lines
    assert (
        sum(f"GET {fake.url}/" in line and "someone" in line and "/407" not in line for line in log_lines)
        == 3
    ), log_lines
    assert any(f"CONNECT 127.0.0.1:{encrypted.port} someone" in line for line in log_lines), log_lines
    # Requests without the proxy's permission did not arrive.
    assert sum("/407" in line for line in log_lines) == 2, log_lines
