"""Stores, a proxy and a troublemaker for tests: what each fixture is, and what it offers.

They are real servers in processes of their own, begun by the first test that asks for them, shared by all tests of a
run, and reachable on loopback only. ``tests/stores/fixtures.py`` defines them, for tests in every directory. What a
server needs (a module, a program) is asked of the machine by the fixture's name alone: a test needs no marker for it.

``moto: S3Server``
    S3 that takes any key. One bucket per test keeps tests apart: ``bucket = moto.bucket()``.
``moto_iam: IamServer``
    The same with IAM: what no policy allows is ``AccessDenied``; a wrong secret ``SignatureDoesNotMatch``; an unknown
    key ``InvalidAccessKeyId``. ``HeadBucket`` needs the action ``s3:HeadBucket`` there (in AWS: ``s3:ListBucket``), and
    requests without a signature are answered with 500.
    ``user(*statements: Mapping[str, object]) -> Keys``: a new user whose policy has these statements, such as
    ``allow("s3:HeadBucket", "s3:ListBucket", on=bucket)`` of ``tests/stores/servers.py``.
``swift: SwiftServer``
    OpenStack Swift's S3: signatures (V4) and the region are checked. Three users: ``keys`` owns the buckets,
    ``stranger`` is in the same account and may do nothing, ``elsewhere`` owns another account, with no bucket in it.
    Has no ``log``: put ``faulty(swift.endpoint)`` in front, which records.
``gcs_emulator: GcsServer``
    ``endpoint``, ``bucket() -> str``, ``put(bucket, tree)``. Knows neither credentials nor pages.
``squid: Proxy``
    A proxy that asks for a password. ``host``, ``port``, ``user``, ``password``, ``url`` (with both in it),
    ``url_with(user, password)``, ``log(least=0) -> list[str]``: lines of its access log that this test gave rise to
    (waits up to 10 s for so many).
``faulty: Callable[[str], FaultyStore]``
    ``store = faulty(moto.endpoint)`` passes everything on and records it; ``faulty()`` has nothing behind it (501).
    ``endpoint``, ``seen: list[Request]`` (method, target, path, query, headers, key, status), ``asked()`` (method and
    path of each), ``connections``. ``store.misbehave(fault, method="", path="", after=0, times=None)`` from then on
    does ``fault`` to the requests with this method whose decoded path has this pattern in it, but for the first
    ``after`` of them, ``times`` times; ``behave()`` forgets all that. Faults, of ``tests/stores/faulty.py``: ``stall``,
    ``hang_up``, ``reset`` (after so many bytes), ``truncated(keep)``, ``endless``, ``slow_down``, ``denied``,
    ``vanished``, ``invalid_key``, ``expired_token``, ``skewed``, ``moved(region)``, ``wrong_region(region)``,
    ``redirect(url)``, ``html``, ``error(status, code, message)``, ``answer(status, body, headers)``.
``refused: str``
    An address where nobody listens, and nobody can begin to.

Every S3 server has: ``endpoint: str`` (``http://127.0.0.1:port``), ``region: str``, ``keys: Keys`` (``key``,
``secret``; may do everything), ``admin`` (a boto3 client with them), ``client(keys=None, region=None, proxy="")``
(another one; closed for you), ``bucket() -> str`` (made, with a new name), ``put(bucket, tree: Mapping[str, bytes])``.
``moto`` and ``moto_iam`` also have ``log() -> list[Logged]`` (``method``, ``path`` with its query, ``status``): the
requests since this test began or last called ``bucket``, ``put``, ``user`` or ``forget()``.
"""
