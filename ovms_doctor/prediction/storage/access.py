"""The way to query a store so that it answers as it would answer the server: decided here, done by a probe."""

from __future__ import annotations

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts, StoreAccess
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.releases import Release
from ovms_doctor.model.routes import Route
from ovms_doctor.model.storage_plan import Endpoint, S3Client
from ovms_doctor.prediction.proxies import GCS_HOST, curl_route, s3_route
from ovms_doctor.prediction.storage import faults, gcs, s3
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment, server_environment

#: The directory in which the SDK searches for profiles: below the home directory of the image's user.
_PROFILES = ("/home/ovms/.aws/credentials", "/home/ovms/.aws/config")
_NAMED_FILES = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
#: Variables with which the SDK's own search ends at a role, whose keys only the server's host gets.
_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_DEFAULT_REGION = "us-east-1"
AZURE = "Azure is not queried; only the path, the environment and the proxy are checked"


def store_access(base_path: str, deployment: Deployment, facts: Facts) -> StoreAccess | str:
    """Returns the access for a base path in a store; if the store cannot be queried as the server queries it, the
    reason in one sentence. Faults of the path or the environment alone are in
    :mod:`ovms_doctor.prediction.storage.faults`. Raises FactsMissingError."""
    environment = server_environment(deployment)
    if base_path.startswith(s3.PREFIX):
        return _of_s3(base_path, deployment, environment)
    if base_path.startswith(gcs.PREFIX):
        return _of_gcs(base_path, deployment, environment, facts)
    return AZURE if is_remote(base_path) else f"{base_path} is not in a store"


def same_network(deployment: Deployment) -> bool:
    """Whether this host reaches a store as the server does: it runs here, with this network."""
    container = deployment.container
    if container is None:
        return deployment.bare_metal
    return container.network == "host" and container.source == "docker"


def _of_s3(path: str, deployment: Deployment, environment: ServerEnvironment) -> StoreAccess | str:
    location = s3.parse_path(path)
    client = s3.choose_client(location, environment, deployment.release)
    if faults.of_s3(location, client, deployment) is not None:
        return "the server's client sends no request for it"
    address = _address(client.endpoint, deployment.release)
    if address is None or client.url is None:
        source = "its variables"
        if environment.has("S3_ENDPOINT"):
            source = "S3_ENDPOINT, which is empty" if environment.empty("S3_ENDPOINT") else "S3_ENDPOINT"
        return f"{source} does not show where the server sends its requests"
    route = s3_route(deployment.environment, deployment.release)
    if route.kind == "ends":
        return "the server ends before it sends a request to the store"
    proxy = _proxy(route)
    if client.credentials == "anonymous":
        return StoreAccess(
            "s3", location.bucket, "anonymous", address, client.addressing, _region(client), proxy=proxy
        )
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if client.empty_keys:
        return "a key for S3 is empty, and it is not known what the client then sends"
    if all(environment.filled(name) for name in keys):
        # In the SDK's own search the variables come first.
        by_chain = client.credentials == "chain" and environment.filled("AWS_SESSION_TOKEN")
        token = by_chain or client.token == "used"  # noqa: S105 - how the token is used
        return StoreAccess(
            "s3", location.bucket, "keys", address, "path", _region(client), token, proxy=proxy
        )
    return _of_profile(location.bucket, client, address, proxy, deployment, environment)


def _of_profile(
    bucket: str,
    client: S3Client,
    address: str,
    proxy: str,
    deployment: Deployment,
    environment: ServerEnvironment,
) -> StoreAccess | str:
    """Returns the access for AWS_PROFILE without keys: the profile's own keys, if its files can be read."""
    role = next((name for name in _ROLES if environment.has(name)), "")
    if role:
        return f"the server uses a role ({role}), whose keys are not available on this host"
    profile = environment.text("AWS_PROFILE") or "default"
    if environment.text("AWS_PROFILE") is None and "AWS_PROFILE" in environment.unread:
        return "the value of AWS_PROFILE is not known"
    files = tuple(
        environment.text(name) or default for name, default in zip(_NAMED_FILES, _PROFILES, strict=True)
    )
    named = any(environment.filled(name) for name in _NAMED_FILES)
    if any(environment.filled(name) and environment.text(name) is None for name in _NAMED_FILES):
        return "the location of the server's AWS profiles is not known"
    if deployment.bare_metal and not named:
        return "the home directory of the server's user, which contains its AWS profiles, is not known"
    if not deployment.bare_metal and not deployment.mounts:
        return f"the server's AWS profiles are in its container: --mount ~/.aws:{_PROFILES[0].rpartition('/')[0]}"
    region = "" if client.region_from == "profile" else _region(client)
    return StoreAccess(
        "s3", bucket, "profile", address, "path", region, profile=profile, files=files, proxy=proxy
    )


def _region(client: S3Client) -> str:
    """Returns the region for which requests are signed. Outside of Amazon the metadata service, which the SDK
    queries, does not answer."""
    return client.region or _DEFAULT_REGION


def _address(endpoint: Endpoint, release: Release) -> str | None:
    """Returns the address, empty for Amazon's own, None if it is not known. A path in it is kept (the endpoint rules of
    the SDK's line since 2024.0); how the line before it handled a path is not known."""
    if not endpoint.readable or endpoint.problem or (endpoint.path and not release.at_least(2024, 0)):
        return None
    if endpoint.source == "aws":
        return ""
    port = "" if endpoint.port is None else f":{endpoint.port}"
    return f"{endpoint.scheme}://{endpoint.host}{port}{endpoint.path}"


def _of_gcs(
    path: str, deployment: Deployment, environment: ServerEnvironment, facts: Facts
) -> StoreAccess | str:
    location, client = gcs.parse_path(path), gcs.choose_client(environment, deployment.release)
    if (
        faults.of_gcs_client(client, environment, deployment, facts) is not None
        or faults.of_gcs(location, client, deployment) is not None
    ):
        return "the server's client sends no request for it"
    if client.endpoint_from and not client.endpoint:
        return f"the value of {client.endpoint_from} is not known"
    endpoint = gcs.endpoint_url(client)
    proxy = _proxy(google_route(deployment))
    if client.credentials == "anonymous":
        return StoreAccess("gcs", location.bucket, "anonymous", endpoint, proxy=proxy)
    if client.credentials == "search":
        return (
            "the server gets Google's credentials from its own environment (gcloud's file, the metadata "
            "server)"
        )
    if client.key_file is None:
        return "the location of the server's Google credentials is not known"
    # The library's second line (google-cloud-cpp 2.x) uses no token server for a service account.
    signs = gcs.reads_emulator_endpoint(deployment.release)
    files = (client.key_file,)
    return StoreAccess("gcs", location.bucket, "file", endpoint, files=files, proxy=proxy, self_signed=signs)


def google_route(deployment: Deployment) -> Route:
    """Returns the route to Google's store, or to the store that a variable names instead."""
    address = gcs.endpoint_url(gcs.choose_client(server_environment(deployment), deployment.release))
    scheme, host, _ = gcs.endpoint_parts(address or f"https://{GCS_HOST}")
    return curl_route(scheme, host, deployment.environment)


def _proxy(route: Route) -> str:
    return route.variable if route.kind == "proxy" else ""
