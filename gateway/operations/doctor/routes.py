"""The next hops of the policy in force, each asked up to AUTH."""

from collections.abc import Iterator

from gateway.config import Config
from gateway.delivery.submit import Probe, probe
from gateway.operations.doctor.result import Result, fail, ok, skip, warn
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.services import secrets


def next_hops(config: Config) -> Iterator[Result]:
    """Tell whether each host of each route answers."""
    try:
        snapshot = codec.load(config.policy_folder / FILE)
    except codec.PolicyError:
        yield skip("next hop", "there is no policy that names one")
        return
    for name, route in snapshot.routes.items():
        secret = secrets.read(config.secrets_folder, route.secret) if route.secret else None
        found = probe(route, secret, config.name, budget=config.budget)
        some = any(not each.fault for each in found)
        for each in found:
            yield _result(f"route {name}", each, others=some)


def _result(name: str, found: Probe, *, others: bool) -> Result:
    """Say how one host is; a silent one is a fault where no other answers."""
    if not found.fault:
        tls = found.tls or "no TLS"
        return ok(name, f"{found.host} answers in {found.milliseconds:.0f} ms, {tls}")
    text = found.fault if found.host in found.fault else f"{found.host}: {found.fault}"
    remedy = "start it, or correct the route's hosts, TLS or AUTH"
    return warn(name, text, remedy) if others else fail(name, f"{text}; mail for it is deferred (451)", remedy)
