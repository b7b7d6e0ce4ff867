"""Stores that cannot be reached, or only through a proxy that refuses."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import remedies
from ovms_doctor.checks.storage.refusal import PROBLEMS, Refusal, describe_bucket_in_host, refusal_finding
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Finding

STORE_UNREACHABLE = Code(
    code="OVD657",
    name="store-unreachable",
    severity="warning",
    summary="The store cannot be reached from this host",
    remedy="Check the address, the network between them, and the proxy.",
    log=(
        server_log.S3_NO_ANSWER,
        "curlCode: 6, Couldn't resolve host name",
        "curlCode: 7, Couldn't connect to server",
        "curlCode: 28, Timeout was reached",
        "curlCode: 5, Couldn't resolve proxy name",
        "curlCode: 35,",
        "curlCode: 60,",
    ),
    recovers="next_poll",
    releases=ALL_RELEASES,
    see_also=("OVD631", "OVD658"),
    example=Example(
        "S3_ENDPOINT=http://minio:9000   the name is not found", "S3_ENDPOINT=http://10.0.0.5:9000"
    ),
)

STORE_PROXY_REFUSES = Code(
    code="OVD658",
    name="store-proxy-refuses",
    severity="warning",
    summary="A proxy between the server and the store refuses the connection",
    remedy=(
        "Put the proxy's user and password into the variable, or remove the variable from the server's "
        "environment."
    ),
    log=(
        server_log.S3_NO_ANSWER,
        "curlCode: 56,",
    ),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD601", "OVD602", "OVD657"),
    example=Example(
        "https_proxy=http://proxy:3128   HeadBucket: 407 by the proxy",
        "https_proxy=http://user:password@proxy:3128",
    ),
)

CODES = (STORE_UNREACHABLE, STORE_PROXY_REFUSES)
_REMEDIES = {
    "name": "Check the host's name, and whether the server's network can resolve it.",
    "refused": "Check whether the store runs and listens on this port.",
    "tls": "Check whether this is the port for TLS. The server trusts only the certificates of its image.",
    "timeout": "Check the network between them: a firewall, or a proxy that is required and not set.",
    "unreadable": "Check what answers at this address: it is not a store.",
}


def not_reached(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: no answer of the store arrives."""
    access, answer = refusal.access, refusal.answer
    duration = "15 minutes without a message" if access.store == "gcs" else "about half a minute"
    detail = f"Each time it first tries for {duration}."
    if refusal.bucket_in_host:
        detail += f" {describe_bucket_in_host(access)}"
    return refusal_finding(
        context,
        refusal,
        STORE_UNREACHABLE,
        _not_reached(refusal),
        detail=detail,
        remedy=_remedy(refusal),
        steps=(remedies.against(access),) if answer.depends_on_network else (),
        causes=_causes(refusal),
        depends_on_network=True,
    )


def _not_reached(refusal: Refusal) -> str:
    host = refusal.answer.host or "its store"
    origin = "" if refusal.facts.applies_to_server else " from this host"
    if _is_proxy_down(refusal):
        proxy = f"the proxy of {refusal.access.proxy}"
        return f"{refusal.bucket} cannot be reached{origin} through {proxy}: no program listens at {host}"
    problem = "it redirects to another address" if _redirects(refusal) else PROBLEMS[refusal.answer.problem]
    return f"{refusal.bucket} cannot be reached{origin} at {host}: {problem}"


def _remedy(refusal: Refusal) -> str:
    access = refusal.access
    if _is_proxy_down(refusal):
        return f"Check whether the proxy runs and listens on this port; else correct {access.proxy}."
    if refusal.bucket_in_host:
        return "Set both keys (to any text if the store needs none), or name the endpoint by its IP address."
    if _redirects(refusal):
        variable = "S3_ENDPOINT" if access.store == "s3" else "the endpoint's variable"
        return f"Find the new address with curl -I, and set {variable} to it, with https:// if it has that."
    if refusal.answer.problem == "proxy name":
        return f"Check the proxy's name in {access.proxy or 'the variable'}."
    return _REMEDIES.get(refusal.answer.problem, "")


def _causes(refusal: Refusal) -> tuple[str, ...]:
    """Returns the codes of findings on path and environment that may be the only reason."""
    if refusal.bucket_in_host:
        return ("OVD631",)
    if refusal.access.proxy:
        return ("OVD605", "OVD606")
    direct = refusal.answer.problem in ("name", "timeout", "reset")
    return ("OVD602", "OVD603", "OVD604", "OVD608") if direct else ()


def _is_proxy_down(refusal: Refusal) -> bool:
    """Whether the proxy refuses the connection: with a proxy, the client connects to no other host."""
    return bool(refusal.access.proxy) and refusal.answer.problem == "refused"


def _redirects(refusal: Refusal) -> bool:
    """Whether the answer is a redirect to another address: often the same host's port for TLS."""
    return refusal.answer.problem == "unreadable" and 300 <= refusal.answer.status < 400


def refused_by_proxy(context: Context, refusal: Refusal) -> Finding:
    """Returns the finding: a proxy answers in place of the store."""
    access, answer = refusal.access, refusal.answer
    proxy = f" of {access.proxy}" if access.proxy else ""
    status = f" with status {answer.status}" if answer.status else ""
    end = "that the directory does not exist" if access.store == "gcs" else "that credentials are missing"
    return refusal_finding(
        context,
        refusal,
        STORE_PROXY_REFUSES,
        f"The proxy{proxy} refuses the connection to {refusal.bucket}{status}",
        detail_if_unknown=f"If the proxy refuses the server too, the server logs {end}.",
        steps=(remedies.against(access),) if answer.depends_on_network else (),
        causes=("OVD605", "OVD607"),
        recovers="restart",
        depends_on_network=True,
    )
