"""One or several queries of a running server: the part that runs in a child process.

It contacts only the named host, and the proxy that a client of this shell would use. Over HTTP it sends only GET,
over gRPC only the status calls of KServe's and TensorFlow Serving's API, unless inference is requested. It does not
follow redirects.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from ovms_doctor.model.json_text import json_object
from ovms_doctor.model.live import ConnectionTry, GrpcAnswer, HttpAnswer, Observations
from ovms_doctor.probes.live.connect import connect, listening_sockets, resolve
from ovms_doctor.probes.live.greeting import first_answer, tls_handshake
from ovms_doctor.probes.live.http import HttpClient, grpc_through_proxy, through_proxy
from ovms_doctor.probes.live.infer import infer_over_http
from ovms_doctor.probes.live.question import LiveQuestion
from ovms_doctor.probes.live.redacted import without_secrets

#: The most servables whose kind is queried.
_MOST_KINDS = 50
#: States that may change from one query to the next.
_UNDECIDED = (b'"LOADING"', b'"START"', b'"UNLOADING"')


def observe(question: LiveQuestion) -> Observations:
    """Returns everything that is observed within the budget, without secrets. Called in the child process."""
    return without_secrets(_Probe(question).run())


class _Probe:
    """One run; ``_end`` is the moment at which its budget ends."""

    def __init__(self, question: LiveQuestion) -> None:
        self._question = question
        self._began = time.monotonic()
        self._end = self._began + question.budget

    def _left(self) -> float:
        """Returns the seconds for the next request; at least a moment, so that it fails by itself."""
        return max(0.05, min(self._question.settings.timeout, self._end - time.monotonic()))

    def run(self) -> Observations:
        question = self._question
        addresses, problem = resolve(question.address.host, question.address.port, self._left())
        if not addresses:
            return Observations(name_problem=problem, through_proxy=self._through_proxy())
        tries: list[ConnectionTry] = []
        for address in addresses[:8]:
            tries.append(connect(address, question.address.port, self._left()))
            if tries[-1].result == "open" or time.monotonic() > self._end:
                break
        observed: dict[str, Any] = {"addresses": addresses, "connections": tuple(tries)}
        if tries[-1].result != "open":
            observed["listening"] = listening_sockets(addresses, question.address.port)
            return Observations(**observed, through_proxy=self._through_proxy())
        self._identify(tries[-1].address, observed)
        observed["through_proxy"] = self._through_proxy()
        return Observations(**observed)

    def _identify(self, address: str, observed: dict[str, Any]) -> None:
        """Finds out the protocol, and queries the server if it is the requested one."""
        question = self._question
        if question.address.tls:
            observed["tls"] = tls = tls_handshake(question, address, self._left())
            if not tls.ok:
                if tls.problem == "not_tls":
                    observed["protocol"], observed["greeting"] = first_answer(
                        question, address, self._left(), tls=False
                    )
                else:
                    observed["protocol"] = "tls"
                return
        protocol, greeting = first_answer(question, address, self._left(), tls=question.address.tls)
        if protocol in ("silent", "closed", "other") and not question.address.tls:
            # Some servers close the connection without an answer if they receive no TLS.
            unchecked = tls_handshake(question, address, self._left())
            if unchecked.ok or unchecked.problem in ("certificate", "name"):
                protocol = "tls"
                observed["tls"] = unchecked
        observed["protocol"], observed["greeting"] = protocol, greeting
        if question.address.grpc and protocol == "http2":
            self._call(observed)
        elif not question.address.grpc and protocol == "http":
            self._query(address, observed)

    # -- HTTP ------------------------------------------------------------------------------------------

    def _query(self, address: str, observed: dict[str, Any]) -> None:
        client = HttpClient(self._question, address)
        answers: list[HttpAnswer] = []
        number = 0
        least = 2 if self._question.settings.with_rates else 1

        def get(path: str) -> HttpAnswer:
            found = client.get(path, number, self._left(), self._began)
            answers.append(found)
            return found

        while True:
            about = get("/v2")
            get("/v2/health/live")
            get("/v2/health/ready")
            config = get("/v1/config")
            if number == 0 and about.status != 200:
                get("/v1/models")
            number += 1
            is_last = number >= self._question.looks or not self._undecided(config)
            if (is_last and number >= least) or not self._wait():
                break
        if self._is_ovms(about, config):
            get("/v3/models")
            self._query_model(get)
            self._query_kinds(config, get)
            if time.monotonic() < self._end:
                self._query_metrics(get)
            if self._question.settings.infer:
                observed["probes"] = infer_over_http(client, self._question, get, config, self._began)
        observed["answers"] = tuple(answers)
        observed["looks"] = number

    def _query_metrics(self, get: Any) -> None:
        """Requests the metrics once, or twice with the interval between, for rates."""
        if get("/metrics").status == 200 and self._question.settings.with_rates and self._wait():
            get("/metrics")

    def _query_model(self, get: Any) -> None:
        name = self._question.settings.model
        if name is not None:
            get(f"/v2/models/{quote(name, safe='')}/ready")
            get(f"/v1/models/{quote(name, safe='')}")

    def _query_kinds(self, config: HttpAnswer, get: Any) -> None:
        """Requests the kinds of servables: pipelines and graphs answer for a version that they do not have; models
        do not."""
        document = json_object(config.body) or {}
        names = [name for name, value in document.items() if _has_one_version(value)]
        for name in names[:_MOST_KINDS]:
            if time.monotonic() > self._end:
                return
            base = f"/v2/models/{quote(name, safe='')}"
            if get(f"{base}/versions/2/ready").status != 404 or b'"FAILED_PRECONDITION"' in config.body:
                get(base)

    @staticmethod
    def _undecided(config: HttpAnswer) -> bool:
        """Whether another query may change the result: a version is loaded or unloaded, or there is no answer yet."""
        return any(text in config.body for text in _UNDECIDED) or config.status is None

    @staticmethod
    def _is_ovms(about: HttpAnswer, config: HttpAnswer) -> bool:
        return b"OpenVINO Model Server" in about.body or b'"model_version_status"' in config.body

    def _wait(self) -> bool:
        """Waits for the interval; returns False if the budget is too small for it."""
        if time.monotonic() + self._question.settings.interval >= self._end:
            return False
        time.sleep(self._question.settings.interval)
        return True

    def _through_proxy(self) -> HttpAnswer | None:
        if not self._question.proxy_variable:
            return None
        if self._question.address.grpc:
            return grpc_through_proxy(self._question, self._left(), self._began)
        return through_proxy(self._question, self._left(), self._began)

    # -- gRPC ------------------------------------------------------------------------------------------

    def _call(self, observed: dict[str, Any]) -> None:
        from ovms_doctor.probes.live.grpc_calls import call_all, is_installed

        observed["grpc_installed"] = is_installed()
        if observed["grpc_installed"]:
            calls: tuple[GrpcAnswer, ...]
            calls, observed["probes"] = call_all(self._question, self._left)
            observed["calls"] = calls
            observed["looks"] = 1


def _has_one_version(value: Any) -> bool:
    versions = value.get("model_version_status") if isinstance(value, dict) else None
    return (
        isinstance(versions, list)
        and len(versions) == 1
        and isinstance(versions[0], dict)
        and str(versions[0].get("version")) == "1"
    )
