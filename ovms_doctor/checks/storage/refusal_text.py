"""Sentences on stores that refuse: what they said, to whom, and what the server makes of it."""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.storage import remedies
from ovms_doctor.model.facts import StoreAccess, StoreRefusal
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.storage_plan import StoreFacts, StorePlan

#: What other clients find credentials by, and these do not.
_OTHERS = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
)
TROUBLES = {
    "name": "its name is not found",
    "proxy name": "the proxy's name is not found",
    "refused": "nobody listens there",
    "reset": "the connection breaks off",
    "truncated": "less comes than is announced",
    "tls": "no encrypted connection comes about",
    "timeout": "it does not answer in time",
    "unreadable": "what answers is no store",
    "proxy": "the proxy refuses",
}
_REACH = {
    "name": "Check the name of the host, and who in the server's network knows it.",
    "proxy name": "Check the proxy's name in the variable.",
    "refused": "See whether the store runs, and listens at this port.",
    "tls": "Check whether the port is the encrypted one. The server trusts the certificates of its image alone.",
    "timeout": "Check the way to it: a firewall, or a proxy that is needed and not set.",
    "unreadable": "Look at what answers at this address: it is no store.",
}
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def message(code: str, access: StoreAccess, said: StoreRefusal, item: StorePlan, seen: StoreFacts) -> str:
    """The case in one sentence."""
    bucket, who = access.url(), said.host or "its store"
    answer = said.code or f"status {said.status}"
    if code == "OVD657":
        here = "" if seen.applies_to_server else "from here "
        if _at_proxy(access, said):
            return f"{bucket} cannot be reached {here}through the proxy of {access.proxy}: nobody listens at {who}"
        what = "it sends who asks elsewhere" if _sends_on(said) else TROUBLES[said.problem]
        return f"{bucket} cannot be reached {here}at {who}: {what}"
    if code == "OVD658":
        through = f" of {access.proxy}" if access.proxy else ""
        status = f" with status {said.status}" if said.status else ""
        return f"The proxy{through} refuses the way to {bucket}{status}"
    if code == "OVD656":
        return f"{bucket} refuses the request for its time: this host's clock is wrong"
    if code == "OVD655":
        return f"{bucket} does not accept {_whose(access)}: {answer}"
    if code == "OVD653":
        name = region_of(said, seen)
        return f"{bucket} is in {name or 'another region'}, and the server signs for {access.region or 'us-east-1'}"
    if code == "OVD652" and not_a_store(said):
        return f"{who} answers that there is no {bucket}, and not in the words of a store"
    if code == "OVD652" or (code == "OVD666" and said.status == 404):
        return f"There is no bucket {access.bucket} in the store" + (f" ({said.host})" if said.host else "")
    if code == "OVD654":
        below = f"{remedies.key_of(item)}/"
        return f"{bucket} allows the list of {below} and refuses HeadBucket, which the server asks first: {answer}"
    call = "the list"
    if seen.refusal is not None and seen.refusal.call == "HeadBucket":
        call = "HeadBucket and the list" if said.call == "ListObjects" else "HeadBucket"
    words = ", and not in the words of a store" if not_a_store(said) else ""
    return f"{bucket} refuses {call} to {_whose(access)}: {answer}{words}"


def not_a_store(said: StoreRefusal) -> bool:
    """Whether the answer to a list has nothing of a store's but its status: each store names its reason there."""
    return said.call == "ListObjects" and said.status in (403, 404) and not said.code


def region_of(said: StoreRefusal, seen: StoreFacts) -> str:
    """The bucket's region, empty where the store does not tell."""
    return said.region or (seen.refusal.region if seen.refusal is not None else "")


def _whose(access: StoreAccess) -> str:
    return {
        "keys": "the keys in the server's environment",
        "profile": f"the keys of the profile {access.profile}",
        "anonymous": "a client without credentials",
        "file": f"the credentials in {access.files[0]}" if access.files else "the credentials",
    }[access.credentials]


def _at_proxy(access: StoreAccess, said: StoreRefusal) -> bool:
    """Whether it is the proxy that does not take the connection: nobody else is connected to."""
    return bool(access.proxy) and said.problem == "refused"


def _sends_on(said: StoreRefusal) -> bool:
    """Whether the answer is another address: often the same one's encrypted port."""
    return said.problem == "unreadable" and 300 <= said.status < 400


def virtual(access: StoreAccess, said: StoreRefusal) -> bool:
    """Whether the host that was asked is the endpoint's with the bucket before it."""
    own = access.addressing == "virtual" and bool(access.endpoint)
    return own and said.host.startswith(f"{access.bucket}.")


def later(context: Context, code: str, access: StoreAccess, said: StoreRefusal) -> str:
    """What the server would do, should it meet the same."""
    if code == "OVD656":
        return "The server's own clock may be another one, and since 2024.0 its client corrects it."
    if said.depends_on_network:
        return "It may be let in from where it runs: the statement may go by the network that one asks from."
    if code == "OVD658":
        end = "that the directory does not exist" if access.store == "gcs" else "that credentials are missing"
        return f"Should the server be refused as well, its log says {end}."
    words = (
        "Should the server not reach it either, it tries for 15 minutes without a word, and then says that the "
        "directory does not exist."
        if access.store == "gcs"
        else "Should the server not reach it either, it tries for about half a minute and then says that "
        "credentials are missing."
    )
    name = said.host.partition(":")[0]
    if virtual(access, said):
        words += f" {_bucket_first(access)}"
        name = name[len(access.bucket) + 1 :]
    container = context.deployment.container
    if context.deployment.bare_metal or (container is not None and container.network == "host"):
        return words
    if said.problem == "name" and "." not in name:
        words += " A name without a dot may be one that only the container's own network knows."
    elif name in ("localhost", "127.0.0.1"):
        words += " In a container that is the container itself."
    return words


def _bucket_first(access: StoreAccess) -> str:
    host = access.endpoint.partition("://")[2]
    return f"Without credentials the client puts the bucket before the host, and asks {access.bucket}.{host}."


def detail(
    context: Context, code: str, access: StoreAccess, said: StoreRefusal, models: Sequence[ModelPlan]
) -> str:
    """What the server does about it, and why other programs do not."""
    words = [context.what_then(models[0])]
    if code == "OVD657":
        long = "15 minutes without a word" if access.store == "gcs" else "about half a minute"
        words.append(f"Each time it tries for {long} first.")
        if virtual(access, said):
            words.append(_bucket_first(access))
    elif code in ("OVD651", "OVD666") and access.credentials == "anonymous" and is_denial(said):
        words.append(_instead(context, access))
    elif code == "OVD651" and said.call == "HeadBucket" and not said.code:
        words.append("Why it refuses is not known: an answer to HeadBucket has no text.")
    if len(models) > 1:
        shown = ", ".join(model.entry.name for model in models[:8])
        words.append(f"So it is for {len(models)} models: {shown}{' …' if len(models) > 8 else ''}.")
    return " ".join(words)


def _instead(context: Context, access: StoreAccess) -> str:
    """What another program would ask with."""
    if access.store == "gcs":
        return (
            "Without GOOGLE_APPLICATION_CREDENTIALS it looks for no other credentials, where a program in Python "
            "would take those of gcloud or of the machine."
        )
    given = remedies.filled(context)
    one = [name for name in _KEYS if name in given]
    if len(one) == 1:
        return f"Of the two keys only {one[0]} is set, which is as good as none."
    other = next((name for name in _OTHERS if name in given), "")
    if other:
        return f"A program in Python would use {other}, which the server does not read without AWS_PROFILE."
    return "It has neither both keys nor AWS_PROFILE, and looks for no other credentials."


def remedy(code: str, access: StoreAccess, said: StoreRefusal) -> str:
    """What to do where more is known than the catalogue's entry says; else empty."""
    if code == "OVD657":
        if _at_proxy(access, said):
            return f"See whether the proxy runs, and listens at this port; else correct {access.proxy}."
        if virtual(access, said):
            return "Set both keys, to anything if the store asks for none, or name the endpoint by its IP address."
        if _sends_on(said):
            variable = "S3_ENDPOINT" if access.store == "s3" else "the endpoint's variable"
            return f"See where it sends to (curl -I), and name that address in {variable}, with its https:// too."
        return _REACH.get(said.problem, "")
    if code == "OVD655" and access.store == "gcs":
        return "Make a new key for the service account, and mount its file."
    if said.code in ("ExpiredToken", "TokenRefreshRequired"):
        return "Give the server new temporary keys with their token, or keys that do not end."
    if said.code == "SignatureDoesNotMatch":
        return "Check the secret key: a quote, a blank or an end of line that came along with it counts."
    if said.code in ("InvalidAccessKeyId", "InvalidToken") and not access.endpoint and not access.token:
        return "Give the server valid keys. Temporary ones, which begin with ASIA, need AWS_SESSION_TOKEN."
    if code in ("OVD651", "OVD652") and not_a_store(said):
        return f"Look at what answers at {said.host or 'this address'}, or on the way to it: it is no store."
    if code == "OVD666" and said.status == 404:
        return "Name the bucket as Google Cloud Storage does."
    if code == "OVD666" and access.credentials == "anonymous" and said.status in (401, 403):
        return "Name the key file of a service account that may read it in GOOGLE_APPLICATION_CREDENTIALS."
    if code == "OVD651" and not is_denial(said):
        return "Go by the store's own words, which its answer holds."
    return ""


def is_denial(said: StoreRefusal) -> bool:
    """Whether it is rights that are missing."""
    return said.status in (401, 403, 412) or said.code == "AccessDenied"
