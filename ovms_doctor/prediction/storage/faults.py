"""Faults of the path and the environment alone: a model that cannot be served from any store, or a process that ends.

In the server's order: the client is created, the path is checked for ``..``, then it is parsed (readAvailableVersions
in modelmanager.cpp). An exception during the creation of the client ends the process, with exit code 1 (server.cpp).
"""

from __future__ import annotations

import errno

from ovms_doctor.model import server_log
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, Failure, InspectKeyFile, KeyFileInspection, PathStatus, StatPath
from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases import Release
from ovms_doctor.model.storage_plan import (
    AzurePath,
    GcsClient,
    GcsPath,
    KeyFault,
    S3Client,
    S3Path,
    StoreFault,
)
from ovms_doctor.prediction.paths import absolute, escapes
from ovms_doctor.prediction.proxies import curl_route, route
from ovms_doctor.prediction.storage import gcs
from ovms_doctor.prediction.storage.azure import known_client
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment

_BAD_LABEL = "Invalid DNS Label found in URI host"
#: The SDK's message if no process listens.
_NOT_CONNECTED = "curlCode: 7, Couldn't connect to server"
_LOOPBACK = lazy_pattern(r"localhost|localhost\.localdomain|127(\.\d{1,3}){3}|::1|0\.0\.0\.0")
#: ``throw e`` of a reference to the base class loses the text.
_SLICED = "std::exception"
#: Types that both lines of Google's library accept; the newer one accepts more.
_ALWAYS_TAKEN = ("service_account", "authorized_user")


def escaping(path: str, release: Release) -> StoreFault | None:
    """Returns the fault of a path with ``..``, which is refused for every store."""
    if not escapes(path, release):
        return None
    return StoreFault("escapes", "PATH_INVALID", (server_log.PATH_ESCAPES(path=path),))


def of_s3(location: S3Path, client: S3Client, deployment: Deployment) -> StoreFault | None:
    """Returns the fault for a path without a bucket; for an endpoint whose name the SDK refuses without a request
    (1.11, since 2024.0); or for one that is the container itself."""
    release = deployment.release
    unchecked = server_log.CANNOT_CHECK_DIRECTORY(path=location.path)
    if not location.bucket:
        return StoreFault(
            "no bucket", "S3_BUCKET_NOT_FOUND", (server_log.S3_NO_BUCKET(path=location.path), unchecked)
        )
    if client.endpoint.problem == "label" and release.at_least(2024, 0):
        line = server_log.S3_NO_ANSWER(bucket=location.bucket, what=_BAD_LABEL)
        return StoreFault("endpoint host", "S3_METADATA_FAIL", (line, unchecked))
    if is_container_itself(client.endpoint.host, deployment) and client.endpoint.source != "aws":
        line = server_log.S3_NO_ANSWER(bucket=location.bucket, what=_NOT_CONNECTED)
        return StoreFault("endpoint loopback", "S3_METADATA_FAIL", (line, unchecked))
    return None


def is_container_itself(host: str, deployment: Deployment) -> bool:
    """Whether a host is the loopback address of a container in which no store runs: it has a network of its own, and no
    proxy receives its requests."""
    return is_loopback_of_container(host, deployment) and route("s3", deployment.environment).kind == "direct"


def is_loopback_of_container(host: str, deployment: Deployment) -> bool:
    """Whether a host is the loopback address of a container with a network of its own."""
    container = deployment.container
    if container is None or "network" in container.unknown_fields or not container.has_own_addresses:
        return False
    return _LOOPBACK.fullmatch(host.strip("[]").lower()) is not None


def of_gcs_client(
    client: GcsClient, environment: ServerEnvironment, deployment: Deployment, facts: Facts
) -> StoreFault | None:
    """Returns the fault of a file of credentials that Google's library cannot use. Raises FactsMissingError."""
    if client.credentials != "file":
        return None
    if client.key_file is None:
        # The value is not a path, so it was not kept.
        return _key_fault("content") if gcs.KEY_FILE in environment.known else None
    # Without a mount, the other files of a container are not known.
    if not deployment.bare_metal and not (deployment.mounts and client.key_file.startswith("/")):
        return None
    absolute_path = absolute(client.key_file, deployment.working_directory)
    status = facts.ask(StatPath(absolute_path))
    if isinstance(status, Failure):
        return _key_fault("denied" if status.errno == errno.EACCES else "missing", failure=status)
    if not isinstance(status, PathStatus):
        return None
    if status.kind == "directory":
        return _key_fault("directory")
    if status.kind != "regular":
        return None
    inspection = facts.ask(InspectKeyFile(absolute_path))
    if isinstance(inspection, Failure):
        return _key_fault("denied", failure=inspection) if inspection.errno == errno.EACCES else None
    if not isinstance(inspection, KeyFileInspection):
        return None
    fault = _of_content(inspection, deployment.release)
    # For JSON that is not an object, the older library throws another text.
    return _key_fault(fault, inspection=inspection, exact=inspection.form != "json") if fault else None


def _of_content(inspection: KeyFileInspection, release: Release) -> KeyFault:
    """Applies ``LoadCredsFromPath`` (google_credentials.cc). A file that begins like PKCS#12 counts as valid, and so do
    types that the newer library may or may not accept."""
    if inspection.form == "binary":
        return ""
    if inspection.form != "object":
        return "not json"
    if inspection.credentials in _ALWAYS_TAKEN:
        return "lacking" if inspection.missing_keys else ""
    old = not release.at_least(2025, 3)
    return "type" if old or inspection.credentials in ("", "other") else ""


def _key_fault(
    key: KeyFault,
    *,
    failure: Failure | None = None,
    inspection: KeyFileInspection | None = None,
    exact: bool = True,
) -> StoreFault:
    exception = server_log.GCS_NO_CREDENTIALS()
    log = (exception, server_log.ENDS_BY_EXCEPTION(what=exception)) if exact else ()
    return StoreFault("key file", "INTERNAL_ERROR", log, True, exact, key, failure, inspection)


def of_gcs(location: GcsPath, client: GcsClient, deployment: Deployment) -> StoreFault | None:
    """Returns the fault for a path without a bucket, or for an endpoint that is the container itself.

    Google's library tries a refused connection again for 15 minutes (LimitedTimeRetryPolicy), and the server reads the
    error as a directory that does not exist (gcsfilesystem.cpp, isDirectory).
    """
    if location.bucket:
        scheme, host, _ = gcs.endpoint_parts(gcs.endpoint_url(client))
        if not is_loopback_of_container(host, deployment):
            return None
        if curl_route(scheme, host, deployment.environment).kind != "direct":
            return None
        line = server_log.DIRECTORY_MISSING(path=location.path)
        return StoreFault("endpoint loopback", "PATH_INVALID", (line,))
    status = server_log.STATUS_TEXT["GCS_BUCKET_NOT_FOUND"]
    lines = (
        server_log.GCS_UNPARSED(path=location.path, status=status),
        server_log.CANNOT_CHECK_DIRECTORY(path=location.path),
    )
    return StoreFault("no bucket", "GCS_BUCKET_NOT_FOUND", lines)


def of_azure_client(connected: bool | None, release: Release) -> StoreFault | None:
    """Returns the fault of a missing connection string: ``cloud_storage_account::parse`` of azure-storage-cpp 7.5.0
    finds none of its forms and throws, and the server's own handler throws again."""
    if connected is not False or not known_client(release):
        return None
    lines = (
        server_log.AZURE_NO_ACCOUNT(what="connection_string"),
        server_log.ENDS_BY_EXCEPTION(what=_SLICED),
    )
    return StoreFault("no connection string", "INTERNAL_ERROR", lines, ends=True)


def of_azure(location: AzurePath, release: Release) -> StoreFault | None:
    """Returns the fault of a path that ends with a slash, or that is a share or a container itself. The server's
    message on the latter two depends on whether the store answers."""
    status = server_log.STATUS_TEXT["AS_INVALID_PATH"]
    checked = (
        server_log.AZURE_UNCHECKED(path=location.path, status=status),
        server_log.CANNOT_CHECK_DIRECTORY(path=location.path),
    )
    if location.path.endswith("/"):
        return StoreFault("trailing slash", "AS_INVALID_PATH", (server_log.AZURE_SLASH(), *checked))
    if location.directory:
        return None
    if location.kind == "file":
        return StoreFault("share root", "AS_INVALID_PATH", exact=False)
    if known_client(release):
        missing = server_log.DIRECTORY_MISSING(path=location.path)
        return StoreFault("container root", "PATH_INVALID", (missing,), exact=False)
    return None
