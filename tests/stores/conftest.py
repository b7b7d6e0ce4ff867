"""Stores, a proxy and a faulty store for tests: each fixture and its interface.

They are real servers in processes of their own, started by the first test that uses them, shared by all tests of a
run, and reachable on loopback only. ``tests/stores/fixtures.py`` defines them, for tests in every directory. The
fixture's name implies what a server needs (a module, a program): a test needs no marker for it.

``moto: S3Server``
    S3 that accepts any key. Use one bucket per test: ``bucket = moto.bucket()``.
``moto_iam: IamServer``
    The same with IAM: an action that no policy allows is ``AccessDenied``; a wrong secret
    ``SignatureDoesNotMatch``; an unknown key ``InvalidAccessKeyId``. ``HeadBucket`` needs the action
    ``s3:HeadBucket`` there (in AWS: ``s3:ListBucket``), and requests without a signature are answered with 500.
    ``user(*statements: Mapping[str, object]) -> Keys``: a new user whose policy has these statements, such as
    ``allow("s3:HeadBucket", "s3:ListBucket", on=bucket)`` of ``tests/stores/servers.py``.
``swift: SwiftServer``
    OpenStack Swift's S3: signatures (V4) and the region are checked. Three users: ``keys`` owns the buckets,
    ``other_user`` is in the same account without rights, ``elsewhere`` owns another account without buckets. It
    has no ``log``: use ``faulty(swift.endpoint)`` in front of it, which records.
``gcs_emulator: GcsServer``
    ``endpoint``, ``bucket() -> str``, ``put(bucket, tree)``. It has neither credentials nor pages.
``squid: Proxy``
    A proxy that requires a password. ``host``, ``port``, ``user``, ``password``, ``url`` (with both in it),
    ``url_with(user, password)``, ``log(least=0) -> list[str]``: lines of its access log that this test caused
    (waits up to 10 s for this number of lines).
``faulty: Callable[[str], FaultyStore]``
    ``store = faulty(moto.endpoint)`` forwards everything and records it; ``faulty()`` has no upstream (501).
    ``endpoint``, ``requests: list[Request]`` (method, target, path, query, headers, key, status),
    ``method_and_path_pairs()``, ``connections``. ``store.misbehave(fault, method="", path="", after=0,
    times=None)`` applies ``fault`` from then on to the requests with this method whose decoded path contains this
    pattern, except the first ``after`` of them, ``times`` times; ``behave()`` removes all faults. Faults, of
    ``tests/stores/faulty.py``: ``stall``, ``hang_up``, ``reset`` (after this number of bytes),
    ``truncated(keep)``, ``endless``, ``slow_down``, ``denied``, ``vanished``, ``invalid_key``, ``expired_token``,
    ``skewed``, ``moved(region)``, ``wrong_region(region)``, ``redirect(url)``, ``html``, ``error(status, code,
    message)``, ``answer(status, body, headers)``.
``refused: str``
    An address where nothing listens and nothing can start to listen.

Every S3 server has: ``endpoint: str`` (``http://127.0.0.1:port``), ``region: str``, ``keys: Keys`` (``key``,
``secret``; has all rights), ``admin`` (a boto3 client with them), ``client(keys=None, region=None, proxy="")``
(another one; closed automatically), ``bucket() -> str`` (created with a new name), ``put(bucket, tree: Mapping[str,
bytes])``. ``moto`` and ``moto_iam`` also have ``log() -> list[Logged]`` (``method``, ``path`` with its query,
``status``): the requests since this test started or last called ``bucket``, ``put``, ``user`` or ``forget()``.
"""
