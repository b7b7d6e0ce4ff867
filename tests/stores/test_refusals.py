"""The findings for each refusal of a store: the message, the detail and the remedy, in full.

They are in ``__snapshots__``; ``--snapshot-update`` writes them again if a change is intended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion

from ovms_doctor.model.container import Container
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import StoreRefusal
from tests.prediction.memory import MemoryFiles
from tests.storage.memory_store import KEYS, Bucket, store_deployment
from tests.stores.reports import AWS, DENIED, GOOD, HEAD, report

HOST = "minio:9000"
PROXY = {**AWS, "https_proxy": "http://proxy:912"}


def head(status: int = 0, code: str = "", **more: Any) -> StoreRefusal:
    return StoreRefusal("HeadBucket", status, code, **more)


def listing(status: int = 0, code: str = "", **more: Any) -> StoreRefusal:
    return StoreRefusal("ListObjects", status, code, **more)


def s3(
    *answers: StoreRefusal | None, environment: Mapping[str, str] = KEYS, **more: Any
) -> tuple[Deployment, Bucket]:
    """A server with this environment, and a bucket that answers HeadBucket, then the list, with these."""
    first, second = (*answers, None)[:2]
    made = store_deployment(environment=environment, **more)
    return made, Bucket(GOOD, head=first, listing=second) if first else Bucket(GOOD, listing=second)


def gcs(answer: StoreRefusal, environment: Mapping[str, str] = {}, **more: Any) -> tuple[Deployment, Bucket]:
    return store_deployment("gs://b1x/m", environment=environment, **more), Bucket(GOOD, listing=answer)


def with_key(answer: StoreRefusal) -> tuple[Deployment, Bucket]:
    """A server with Google's bucket, whose service account has a key file."""
    key = {
        "type": "service_account",
        "client_email": "ovms@project.iam.gserviceaccount.com",
        "client_id": "1",
        "private_key": "KEY",
        "private_key_id": "2",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    made = store_deployment("gs://b1x/m", environment={"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"})
    return made, Bucket(GOOD, listing=answer, others=MemoryFiles({"/k.json": json.dumps(key)}))


def in_container(network: str = "", **environment: str) -> Deployment:
    made = Container("docker", "ovms", environment_names=tuple(environment), network=network)
    return replace(
        store_deployment(environment={}), container=made, environment=variables(environment.items())
    )


def several() -> tuple[Deployment, Bucket]:
    entries = tuple(ModelEntry(f"m{number}", f"s3://b1x/m{number}") for number in range(10))
    return replace(store_deployment(), models=entries), Bucket(head=HEAD, listing=DENIED)


UNREACHABLE = ("name", "refused", "reset", "truncated", "tls", "timeout", "unreadable")
CASES: dict[str, tuple[Deployment, Bucket]] = {
    **{f"s3 {problem}": s3(head(problem=problem, host=HOST)) for problem in UNREACHABLE},
    **{
        f"s3 {problem}, a server here": s3(head(problem=problem, host=HOST), bare_metal=True)
        for problem in UNREACHABLE
    },
    **{
        f"gcs {problem}": gcs(listing(problem=problem, host="storage.googleapis.com:443"))
        for problem in UNREACHABLE
    },
    "s3 proxy's name": s3(head(problem="proxy name", host="proxy:912"), environment=PROXY),
    "s3 nobody at the proxy": s3(head(problem="refused", host="proxy:912"), environment=PROXY),
    "s3 nobody at the proxy, a server here": s3(
        head(problem="refused", host="proxy:912"), environment=PROXY, bare_metal=True
    ),
    "s3 proxy refuses": s3(head(407, problem="proxy", host="proxy:912"), environment=PROXY),
    "s3 proxy refuses without a status": s3(head(problem="proxy", host="proxy:912"), environment=PROXY),
    "gcs proxy refuses": gcs(
        listing(403, problem="proxy", host="proxy:912"), {"https_proxy": "http://proxy:912"}
    ),
    "s3 sends elsewhere": s3(head(307, problem="unreadable", host=HOST)),
    "s3 a host with a dot": s3(head(problem="name", host="minio.lan:9000")),
    "s3 this host": s3(head(problem="refused", host="localhost:9000")),
    "s3 this host in the host's network": (
        in_container("host", **KEYS),
        Bucket(GOOD, head=head(problem="refused", host="127.0.0.1:9000")),
    ),
    "s3 the bucket before the host": (
        in_container(S3_ENDPOINT=f"http://{HOST}"),
        Bucket(GOOD, head=head(problem="name", host=f"b1x.{HOST}")),
    ),
    "s3 a wrong clock": s3(HEAD, listing(403, "RequestTimeTooSkewed", host=HOST)),
    "s3 an unknown key": s3(HEAD, listing(403, "InvalidAccessKeyId"), environment=AWS),
    "s3 an unknown key at an endpoint": s3(HEAD, listing(403, "InvalidAccessKeyId")),
    "s3 a wrong secret": s3(HEAD, listing(403, "SignatureDoesNotMatch"), environment=AWS),
    "s3 an old token": s3(head(400), listing(400, "ExpiredToken"), environment=AWS),
    "s3 a token that is none": s3(head(400), listing(400, "InvalidToken"), environment=AWS),
    "s3 region": s3(head(301, region="eu-west-1"), environment=AWS),
    "s3 region that is not named": s3(
        head(400), listing(400, "AuthorizationHeaderMalformed"), environment=AWS
    ),
    "s3 no bucket": s3(head(404), listing(404, "NoSuchBucket"), environment=AWS),
    "s3 no bucket at a host": s3(head(404, host=HOST), listing(404, "NoSuchBucket", host=HOST)),
    "s3 no store, 404": s3(head(404, host=HOST), listing(404, host=HOST)),
    "s3 no store, 403": s3(head(403, host=HOST), listing(403, host=HOST)),
    "s3 only HeadBucket": s3(HEAD, environment=AWS),
    "s3 denied": s3(HEAD, DENIED, environment=AWS),
    "s3 denied, only the list": s3(None, DENIED, environment=AWS),
    "s3 denied, why is not known": s3(HEAD, listing(503, "SlowDown"), environment=AWS),
    "s3 another refusal": s3(head(405), listing(405, "MethodNotAllowed"), environment=AWS),
    "s3 denied without credentials": s3(HEAD, DENIED, environment={}),
    "s3 denied with one key": s3(HEAD, DENIED, environment={"AWS_ACCESS_KEY_ID": "x"}),
    "s3 denied with the other key": s3(HEAD, DENIED, environment={"AWS_SECRET_ACCESS_KEY": "x"}),
    **{
        f"s3 denied with {name}": s3(HEAD, DENIED, environment={name: "x"})
        for name in (
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_SHARED_CREDENTIALS_FILE",
        )
    },
    "s3 denied to ten models": several(),
    "s3 no host": s3(head(problem="refused")),
    "s3 sends elsewhere too late": s3(head(302, problem="timeout", host=HOST)),
    "s3 this host by its address": s3(head(problem="refused", host="127.0.0.1:9000")),
    "s3 a host that begins as the bucket": s3(head(problem="name", host="b1x.lan:9000")),
    "s3 Amazon's host with the bucket": s3(
        head(problem="name", host="b1x.s3.amazonaws.com:443"), environment={}
    ),
    "s3 an endpoint without the bucket": (
        in_container(S3_ENDPOINT=f"http://{HOST}"),
        Bucket(GOOD, head=head(problem="name", host=HOST)),
    ),
    "s3 region of two": s3(head(301, region="eu-west-1"), environment={**AWS, "AWS_REGION": "eu-west-2"}),
    "s3 region that the list names": s3(
        head(400), listing(400, "AuthorizationHeaderMalformed", region="eu-west-3"), environment=AWS
    ),
    "s3 a bad request": s3(
        head(400, region="us-east-1"), listing(400), environment={**AWS, "AWS_REGION": "us-east-1"}
    ),
    "s3 no store, no host": s3(head(404), listing(404)),
    "s3 only HeadBucket, without credentials": s3(HEAD, environment={}),
    "s3 denied with a text": s3(head(403, "AccessDenied"), listing(503, "SlowDown"), environment=AWS),
    "s3 denied with another status": s3(head(400), listing(400, "AccessDenied"), environment=AWS),
    "s3 a token to be made anew": s3(head(400), listing(400, "TokenRefreshRequired"), environment=AWS),
    "s3 a token that is not valid": s3(
        HEAD, listing(403, "InvalidToken"), environment={**AWS, "AWS_SESSION_TOKEN": "x"}
    ),
    "gcs denied with a key file": with_key(listing(403, "forbidden")),
    "gcs a key that is no longer valid": with_key(StoreRefusal("Token", 400, "invalid_grant")),
    "gcs no bucket": gcs(listing(404)),
    "gcs denied without credentials": gcs(listing(401, "required")),
    "gcs denied": gcs(listing(403, "forbidden")),
    "gcs another refusal": gcs(listing(412, "conditionNotMet")),
    "s3 a network that is denied": s3(
        HEAD,
        replace(DENIED, message="not authorized with an explicit deny in a resource-based policy"),
        environment=AWS,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refusal(name: str, snapshot: SnapshotAssertion) -> None:
    deployment, bucket = CASES[name]
    lines = []
    for finding in report(deployment, bucket).values():
        lines += [
            f"{finding.severity} {finding.code} ({finding.confidence})",
            finding.message,
            finding.detail,
        ]
        if finding.remedy is not None:
            lines.append(f"do: {finding.remedy.summary}")
            lines += [
                f"- {step.text}" + (f" $ {step.command}" if step.command else "")
                for step in finding.remedy.steps
            ]
    assert "\n".join(lines) == snapshot
