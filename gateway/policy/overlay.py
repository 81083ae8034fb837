"""Parts of a policy that are kept as what differs from a default: laid over it, and taken off it again. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import msgspec

from gateway.policy.snapshot import Outbound, SendingLimits
from gateway.policy.wellformed import network_fault

Part = TypeVar("Part", bound=msgspec.Struct)
OUTBOUND = Outbound()  # what limits are laid over


def laid_over(base: Part, own: Mapping[str, Any]) -> Part:
    """Give ``base`` with the values of ``own``, which are plain ones. Raises ``msgspec.ValidationError``."""
    return msgspec.convert({**msgspec.to_builtins(base), **own}, type(base))


def differing(base: msgspec.Struct, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give those of ``values`` that are other than in ``base``, as plain ones, in the order of its fields."""
    plain = msgspec.to_builtins(base)
    wanted: dict[str, Any] = msgspec.to_builtins(dict(values))
    return {name: wanted[name] for name, value in plain.items() if name in wanted and wanted[name] != _listed(value)}


def base_of(name: str, outbound: Outbound, logins: Collection[str]) -> SendingLimits:
    """Give the limits over which those of one account, client or domain are laid."""
    if name in logins:
        return outbound.per_account
    return outbound.per_domain if network_fault(name) else outbound.per_client


def _listed(value: object) -> object:
    """Give a tuple as the list that it is in JSON."""
    return list(value) if isinstance(value, tuple) else value
