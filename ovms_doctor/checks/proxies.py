"""Proxies: what the variables in the server's environment come to for the clients that its models need."""

from __future__ import annotations

from collections.abc import Iterator

from ovms_doctor.checks.context import TOLD_ENVIRONMENT, Context
from ovms_doctor.model import server_log
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.proxy import Proxy
from ovms_doctor.model.routes import StorageRoute
from ovms_doctor.model.text import HIDDEN

_CLIENTS = {
    "s3": "the S3 client",
    "gcs": "the client for Google Cloud Storage",
    "azure": "the client for Azure",
    "hf-clone": "pulling from Hugging Face",
    "hf-files": "fetching files from Hugging Face",
}
_READ = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}
_TROUBLE = {
    "no scheme": "it does not begin with http://",
    "capital scheme": "http:// must be written in small letters",
    "other scheme": "only http:// and https:// are known",
    "IPv6 address": "an IPv6 address is not understood",
    "path": "something stands behind the port",
    "empty password": "the password is empty",
    "blank": "a blank stands before or behind it",
    "port": "the port is no number of up to five digits",
    "form": "its form is not understood",
}


def check(context: Context) -> Iterator[Finding]:
    """Nothing for models that are local: then no client is asked, and no proxy matters."""
    for item in context.plan.routes:
        way = item.route.way
        if way == "ends":
            yield _without_port(context, item)
        elif way == "unread":
            yield _unread(context, item)
        elif way == "proxy":
            yield from _taken(context, item)
        elif way == "direct":
            yield from _direct(context, item)


def _without_port(context: Context, item: StorageRoute) -> Finding:
    problem = context.plan.problem
    name = item.route.variable
    ends = problem is not None and problem.kind == "proxy"
    return context.finding(
        "OVD601",
        f"{name} names a proxy without a port: the server ends over it",
        detail="It logs no word of a proxy, and serves none of its models, local ones neither.",
        log=problem.log if problem is not None and ends else (),
        evidence=(Evidence(f"{name}={_shown(context, name)}", TOLD_ENVIRONMENT),),
        recovers="restart",
        steps=(Step(f"Add the port to {name}, for example {_shown(context, name).rstrip('/')}:3128."),),
    )


def _unread(context: Context, item: StorageRoute) -> Finding:
    name = item.route.variable
    proxy = _proxy(context, name)
    return context.finding(
        "OVD602",
        f"{name} is no proxy that the S3 client can read: {_TROUBLE.get(proxy.problem, _TROUBLE['form'])}",
        detail="It connects directly. The line in the log quotes the value, with its password.",
        log=(server_log.PROXY_UNREAD(proxy=HIDDEN),),
        evidence=(Evidence(f"{name}={_shown(context, name)}", TOLD_ENVIRONMENT),),
        recovers="restart",
    )


def _taken(context: Context, item: StorageRoute) -> Iterator[Finding]:
    name = item.route.variable
    proxy = _proxy(context, name)
    seen = (Evidence(f"{name}={_shown(context, name)}", TOLD_ENVIRONMENT),)
    client = _CLIENTS[item.client]
    if proxy.scheme == "https":
        yield context.finding(
            "OVD606",
            f"{client[0].upper()}{client[1:]} speaks TLS to the proxy in {name}, for its address begins with https://",
            confidence="medium",
            evidence=seen,
            recovers="restart",
        )
    if item.client != "s3":
        return
    if proxy.odd_password:
        yield context.finding(
            "OVD607",
            f"The password in {name} holds % or @, which is not read everywhere as it was meant",
            confidence="medium",
            evidence=seen,
            recovers="restart",
        )
    if item.exempt and context.deployment.release.at_least(2024, 0):
        yield context.finding(
            "OVD605",
            f"{item.exempt} names the S3 endpoint, but the S3 client goes through the proxy in {name} all the same",
            confidence="medium",
            evidence=seen,
            recovers="restart",
        )


def _direct(context: Context, item: StorageRoute) -> Iterator[Finding]:
    """No proxy is taken: is there one that was meant to be?"""
    environment = {variable.name: variable for variable in context.deployment.environment}
    client = _CLIENTS[item.client]
    meant = [
        name for name, variable in environment.items() if variable.proxy is not None and not variable.empty
    ]
    hiding = item.route.variable
    if hiding and item.client == "s3":
        others = [
            name for name in meant if name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
        ]
        if others:
            yield context.finding(
                "OVD604",
                f"{hiding} is set to nothing, which hides {others[0]}: the S3 client connects without a proxy",
                evidence=(Evidence(f"{hiding}=", TOLD_ENVIRONMENT),),
                recovers="restart",
                steps=(Step(f"Remove {hiding} from the server's environment."),),
            )
            return
    if meant:
        name = sorted(meant, key=lambda each: each not in _READ)[0]
        yield context.finding(
            "OVD603",
            f"{client[0].upper()}{client[1:]} does not read {name}: it connects without a proxy",
            detail=_tried(context, item),
            evidence=(Evidence(f"{name}={_shown(context, name)}", TOLD_ENVIRONMENT),),
            recovers="restart",
            steps=(Step("Set https_proxy, in small letters, in the server's environment."),),
        )
    elif context.deployment.host_proxy and context.deployment.container is not None:
        name = context.deployment.host_proxy
        yield context.finding(
            "OVD608",
            f"{name} is set here, and the container was not given a proxy, which {client} would need to use one",
            confidence="low",
            evidence=(Evidence(f"{name} is set", "this process's environment"),),
            recovers="restart",
        )


def _proxy(context: Context, name: str) -> Proxy:
    proxies = (item.proxy for item in context.deployment.environment if item.name == name)
    return next(proxies) or Proxy()


def _shown(context: Context, name: str) -> str:
    """The value without its user and password."""
    proxy = _proxy(context, name)
    scheme = f"{proxy.scheme}://" if proxy.scheme else ""
    user = f"{HIDDEN}@" if proxy.user else ""
    return f"{scheme}{user}{proxy.host}" + ("" if proxy.port is None else f":{proxy.port}")


def _tried(context: Context, item: StorageRoute) -> str:
    """Whether the store was asked without a proxy."""
    asked = [
        store.facts for store in context.plan.stores if store.model in item.models and store.facts is not None
    ]
    if any(seen.access is not None for seen in asked):
        return "The store was asked without one here too."
    return "Whether the store can be reached without one was not tried."
