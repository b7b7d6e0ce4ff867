"""Google Cloud Storage: the bucket and key of a path, and the client's credentials (gcsfilesystem.cpp, the same from
v2022.1 to v2026.3; google-cloud-cpp 0.21 until 2025.2, 2.39 since 2025.3)."""

from __future__ import annotations

from typing import Literal

from ovms_doctor.model.releases import Release
from ovms_doctor.model.storage_plan import GcsClient, GcsPath
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment

PREFIX = "gs://"
KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_ENDPOINT, _TESTBENCH = "CLOUD_STORAGE_EMULATOR_ENDPOINT", "CLOUD_STORAGE_TESTBENCH_ENDPOINT"


def parse_path(path: str) -> GcsPath:
    """Applies ``GCSFileSystem::parsePath`` to a path that begins with ``gs://``.

    Credentials before an ``@`` are hidden when the path is read: no request and no fact contains them.
    """
    rest = path[len(PREFIX) :]
    bucket, slash, key = rest.partition("/")
    return GcsPath(path, rest) if slash and not bucket else GcsPath(path, bucket, key)


def choose_client(environment: ServerEnvironment, release: Release) -> GcsClient:
    """Applies ``createDefaultOrAnonymousClientOptions``: anonymous without the variable; with an empty one the library
    searches for gcloud's own file, then queries the metadata server. Endpoints as the library reads them."""
    names = (_ENDPOINT, _TESTBENCH) if reads_emulator_endpoint(release) else (_TESTBENCH,)
    chosen = next((name for name in names if environment.filled(name)), "")
    emulators = ("STORAGE_EMULATOR_HOST", _ENDPOINT)
    unread = next((name for name in emulators if environment.filled(name) and name not in names), "")
    endpoint = environment.text(chosen) or "" if chosen else ""
    more = (endpoint, chosen, "" if chosen else unread, environment.knows_family("GOOGLE_"))
    if not environment.has(KEY_FILE):
        return GcsClient("anonymous", None, *more)
    if environment.empty(KEY_FILE):
        return GcsClient("search", None, *more)
    return GcsClient("file", environment.text(KEY_FILE), *more)


def endpoint_url(client: GcsClient) -> str:
    """Returns the URL of the endpoint that a variable names; empty for Google's own."""
    endpoint = client.endpoint
    return f"http://{endpoint}" if endpoint and "://" not in endpoint else endpoint


def endpoint_parts(url: str) -> tuple[Literal["http", "https"], str, str]:
    """Returns scheme, host and port of an endpoint's URL; the port with its colon, empty for none. Reads any text."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, colon, port = authority, "", ""
    return "http" if scheme == "http" else "https", host, colon + port


def reads_emulator_endpoint(release: Release) -> bool:
    """Whether the library reads CLOUD_STORAGE_EMULATOR_ENDPOINT: since its second line (2025.3)."""
    return release.at_least(2025, 3)
