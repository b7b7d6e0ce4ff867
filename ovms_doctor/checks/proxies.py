"""Proxies: which variable each client for remote storage reads, and how it interprets the value."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.api import Check
from ovms_doctor.checks.context import SERVER_ENVIRONMENT, Context
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.proxy import Proxy
from ovms_doctor.model.routes import StorageRoute
from ovms_doctor.model.text import HIDDEN

_RELEASES = "The same from 2022.1 to 2026.3."

PROXY_WITHOUT_PORT = Code(
    code="OVD601",
    name="proxy-without-port",
    severity="error",
    summary="The proxy has no port, which ends the server",
    remedy="Write the port: http://proxy.example.com:3128.",
    log=(server_log.ENDS_BY_NUMBER,),
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD602",),
    example=Example("https_proxy=http://proxy.example.com", "https_proxy=http://proxy.example.com:3128"),
)

PROXY_NOT_UNDERSTOOD = Code(
    code="OVD602",
    name="proxy-not-understood",
    severity="warning",
    summary="The S3 client cannot use the proxy, and connects without it",
    remedy=(
        "Write it as http://HOST:PORT, with a user and a password before the host where the proxy needs them."
    ),
    log=(server_log.PROXY_UNREAD,),
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD601", "OVD604"),
    example=Example("https_proxy=proxy.example.com:3128", "https_proxy=http://proxy.example.com:3128"),
)

PROXY_VARIABLE_UNREAD = Code(
    code="OVD603",
    name="proxy-variable-unread",
    severity="warning",
    summary="The proxy is configured in a variable that the client does not read",
    remedy="Set https_proxy, in lower case: every client reads it.",
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD604",),
    example=Example(
        "http_proxy=http://proxy.example.com:3128        for gs://",
        "https_proxy=http://proxy.example.com:3128",
    ),
)

PROXY_SET_TO_NOTHING = Code(
    code="OVD604",
    name="proxy-set-to-nothing",
    severity="warning",
    summary="An empty https_proxy hides the proxy in another variable",
    remedy="Remove the empty variable, or set it to the proxy.",
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD603",),
    example=Example(
        "https_proxy=\nhttp_proxy=http://proxy.example.com:3128", "http_proxy=http://proxy.example.com:3128"
    ),
)

NO_PROXY_NOT_ASKED = Code(
    code="OVD605",
    name="no-proxy-not-asked",
    severity="warning",
    summary="no_proxy names the S3 endpoint, but the client still uses the proxy",
    remedy=(
        "Leave the proxy's variables out of the server's environment, or let the proxy reach the endpoint."
    ),
    recovers="restart",
    releases="Since 2024.0, with the AWS SDK 1.11. Until 2023.3 no_proxy is honoured, as libcurl reads it.",
    see_also=("OVD602",),
    example=Example(
        "S3_ENDPOINT=http://minio:9000\nhttps_proxy=http://proxy.example.com:3128\nno_proxy=minio",
        "S3_ENDPOINT=http://minio:9000",
    ),
)

PROXY_OVER_TLS = Code(
    code="OVD606",
    name="proxy-over-tls",
    severity="info",
    summary="The proxy's own address begins with https://",
    remedy="Write http:// before the proxy's host, unless the proxy has a certificate of its own.",
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD602",),
    example=Example(
        "https_proxy=https://proxy.example.com:3128", "https_proxy=http://proxy.example.com:3128"
    ),
)

PROXY_PASSWORD_AMBIGUOUS = Code(
    code="OVD607",
    name="proxy-password-ambiguous",
    severity="warning",
    summary="The proxy's password contains a character that clients decode in different ways",
    remedy="Give the proxy's user a password of letters and digits.",
    recovers="restart",
    releases=_RELEASES,
    see_also=("OVD602",),
    example=Example(
        "https_proxy=http://user:p%40ss@proxy.example.com:3128", "a password of letters and digits"
    ),
)

PROXY_NOT_PASSED = Code(
    code="OVD608",
    name="proxy-not-passed",
    severity="info",
    summary="This host uses a proxy, but the container has none",
    remedy="Give the container https_proxy, if the store is behind the proxy.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD603",),
    example=Example("docker run …", "docker run -e https_proxy …"),
)


_CLIENTS = {
    "s3": "the S3 client",
    "gcs": "the client for Google Cloud Storage",
    "azure": "the client for Azure",
    "hf-clone": "pulling from Hugging Face",
    "hf-files": "downloading files from Hugging Face",
}
#: If this variable exists, with any value, the client for Azure reads http_proxy instead of https_proxy
#: (azurefilesystem.cpp).
_AZURE_SWITCH = "AZURE_STORAGE_USE_HTTP_PROXY"
_READ_BY_A_CLIENT = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
_REASONS = {
    "no scheme": "the value does not begin with http://",
    "capital scheme": "http:// must be in lower case",
    "other scheme": "only http:// and https:// are accepted",
    "IPv6 address": "IPv6 addresses are not supported",
    "path": "there is more text after the port",
    "empty password": "the password is empty",
    "blank": "the value begins or ends with a blank",
    "port": "the port is not a number of up to five digits",
    "form": "the value does not have the form http://HOST:PORT",
}


def check(context: Context) -> Iterator[Finding]:
    """Yields a finding on each proxy that a client does not use as configured; none for local models."""
    for item in context.plan.routes:
        outcome = item.route.kind
        if outcome == "ends":
            yield _without_port(context, item)
        elif outcome == "unread":
            yield _unread(context, item)
        elif outcome == "proxy":
            yield from _taken(context, item)
        elif outcome == "direct":
            yield from _direct(context, item)


def _without_port(context: Context, item: StorageRoute) -> Finding:
    problem = context.plan.problem
    name = item.route.variable
    ends = problem is not None and problem.kind == "proxy"
    return context.finding(
        PROXY_WITHOUT_PORT,
        f"{name} names a proxy without a port, which ends the server",
        detail="Its log does not mention a proxy. It serves no model, local ones included.",
        log=problem.log if problem is not None and ends else (),
        evidence=(Evidence(f"{name}={_redacted(context, name)}", SERVER_ENVIRONMENT),),
        recovers="restart",
        steps=(Step(f"Add the port to {name}, for example {_redacted(context, name).rstrip('/')}:3128."),),
    )


def _unread(context: Context, item: StorageRoute) -> Finding:
    name = item.route.variable
    proxy = _proxy(context, name)
    return context.finding(
        PROXY_NOT_UNDERSTOOD,
        f"The S3 client cannot use the proxy in {name}: {_REASONS.get(proxy.problem, _REASONS['form'])}",
        detail="It connects without a proxy. The line in the log quotes the value, including the password.",
        log=(server_log.PROXY_UNREAD(proxy=HIDDEN),),
        evidence=(Evidence(f"{name}={_redacted(context, name)}", SERVER_ENVIRONMENT),),
        recovers="restart",
    )


def _taken(context: Context, item: StorageRoute) -> Iterator[Finding]:
    name = item.route.variable
    proxy = _proxy(context, name)
    evidence = (Evidence(f"{name}={_redacted(context, name)}", SERVER_ENVIRONMENT),)
    client = _CLIENTS[item.client]
    if proxy.scheme == "https":
        yield context.finding(
            PROXY_OVER_TLS,
            f"{client[0].upper()}{client[1:]} speaks TLS to the proxy in {name}, because its address begins with https://",
            confidence="medium",
            evidence=evidence,
            recovers="restart",
        )
    if item.client != "s3":
        return
    if proxy.odd_password:
        yield context.finding(
            PROXY_PASSWORD_AMBIGUOUS,
            f"The password in {name} contains % or @, which clients decode in different ways",
            confidence="medium",
            evidence=evidence,
            recovers="restart",
        )
    exemption = item.exemption
    if exemption.variable:
        reads = not context.deployment.release.at_least(2024, 0)
        host, entry = exemption.host, exemption.entry
        yield context.finding(
            NO_PROXY_NOT_ASKED,
            f"The S3 client sends its requests to {host} through the proxy in {name}, although "
            f"{exemption.variable} has {entry}",
            detail=(
                "It compares host names and their ends with the entries. It does not support ports, "
                "asterisks and networks."
            )
            if reads
            else f"The S3 client of this release does not read {exemption.variable}.",
            confidence="medium",
            evidence=(*evidence, Evidence(f"{exemption.variable} has {entry}", SERVER_ENVIRONMENT)),
            recovers="restart",
            steps=(Step(f"Write {host} into {exemption.variable}."),) if reads else (),
        )


def _direct(context: Context, item: StorageRoute) -> Iterator[Finding]:
    """Yields findings if the client uses no proxy, although one is configured."""
    environment = {variable.name: variable for variable in context.deployment.environment}
    client = _CLIENTS[item.client]
    configured = [
        name for name, variable in environment.items() if variable.proxy is not None and not variable.empty
    ]
    empty = item.route.variable
    if empty and item.client == "s3":
        others = [
            name for name in configured if name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
        ]
        if others:
            yield context.finding(
                PROXY_SET_TO_NOTHING,
                f"{empty} is empty and hides {others[0]}: the S3 client connects without a proxy",
                evidence=(Evidence(f"{empty}=", SERVER_ENVIRONMENT),),
                recovers="restart",
                steps=(Step(f"Remove {empty} from the server's environment."),),
            )
            return
    if configured:
        name = sorted(configured, key=lambda each: each not in _READ_BY_A_CLIENT)[0]
        azure: tuple[Step, ...] = ()
        read_variable = "https_proxy"
        if item.client == "azure" and _AZURE_SWITCH in environment:
            # Its value does not matter.
            read_variable = "http_proxy"
            azure = (Step(f"Or remove {_AZURE_SWITCH}, without which it reads https_proxy."),)
        yield context.finding(
            PROXY_VARIABLE_UNREAD,
            f"{client[0].upper()}{client[1:]} does not read {name}: it connects without a proxy",
            detail=_reachable(context, item),
            evidence=(Evidence(f"{name}={_redacted(context, name)}", SERVER_ENVIRONMENT),),
            recovers="restart",
            remedy=f"Set {read_variable}, in lower case: {client} reads no other variable here."
            if azure
            else "",
            steps=(Step(f"Set {read_variable}, in lower case, in the server's environment."), *azure),
        )
    elif context.deployment.host_proxy and context.deployment.container is not None:
        name = context.deployment.host_proxy
        yield context.finding(
            PROXY_NOT_PASSED,
            f"{name} is set on this host, but not in the container: {client} connects without a proxy",
            confidence="low",
            evidence=(Evidence(f"{name} is set", "this process's environment"),),
            recovers="restart",
            steps=(_pass_on(context, name),),
        )


def _pass_on(context: Context, name: str) -> Step:
    """Returns the step that passes the proxy of this host to the container, in the variable that every client reads."""
    text = "If the store is behind the proxy, give it to the container."
    container = context.deployment.container
    if container is not None and container.source == "compose":
        return Step(text, f'environment: {{https_proxy: "${{{name}}}"}}', "compose", "restarts the server")
    return Step(text, f'-e https_proxy="${name}"', "docker run", "restarts the server")


def _proxy(context: Context, name: str) -> Proxy:
    """Returns the proxy in a variable of the server's environment."""
    return next(
        item.proxy for item in context.deployment.environment if item.name == name and item.proxy is not None
    )


def _redacted(context: Context, name: str) -> str:
    """Returns the value without its user and password."""
    proxy = _proxy(context, name)
    scheme = f"{proxy.scheme}://" if proxy.scheme else ""
    user = f"{HIDDEN}@" if proxy.user else ""
    return f"{scheme}{user}{proxy.host}" + ("" if proxy.port is None else f":{proxy.port}")


def _reachable(context: Context, item: StorageRoute) -> str:
    """Returns the sentence on whether ovms-doctor reached the store without a proxy."""
    facts = [
        store.facts for store in context.plan.stores if store.model in item.models and store.facts is not None
    ]
    if any(item.access is not None for item in facts):
        return "ovms-doctor sent its requests without a proxy too."
    return "Whether the store can be reached without a proxy was not tried."


CHECK = Check(
    name="proxies",
    summary="the proxy that each client for remote storage uses",
    codes=(
        PROXY_WITHOUT_PORT,
        PROXY_NOT_UNDERSTOOD,
        PROXY_VARIABLE_UNREAD,
        PROXY_SET_TO_NOTHING,
        NO_PROXY_NOT_ASKED,
        PROXY_OVER_TLS,
        PROXY_PASSWORD_AMBIGUOUS,
        PROXY_NOT_PASSED,
    ),
    run=check,
)
