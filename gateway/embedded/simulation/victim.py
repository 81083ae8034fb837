"""The other side of the simulation: a storm of false bounces, and a few genuine, to one victim behind it."""

import functools
import secrets as randomness
import time
from pathlib import Path

import msgspec

from gateway.backscatter import batv
from gateway.embedded.simulation.peers import Peer, front
from gateway.embedded.simulation.sides import Progress, policy
from gateway.embedded.simulation.words import BOUNCING, DOMAIN, Settings, Storm
from gateway.mail.decisions import Action
from gateway.outbound import keys
from gateway.policy import codec, defaults
from gateway.policy.snapshot import BatvKey, CheckRule, Marking, Mode, Snapshot
from gateway.services import secrets

CHECK = "forged_bounce"
GENUINE = 10
STORM_SECONDS = 600.0
_COUNT_SECONDS = 3.0
_POLL_SECONDS = 0.1
_VICTIM = f"user1@{DOMAIN}"
_SECRET = "batv-1"  # noqa: S105 - the id of a secret


def judged() -> bool:
    """Whether this gateway judges bounces."""
    return CHECK in defaults.CHECKS


def storm(home: Path, clamd: str, settings: Settings, progress: Progress) -> Storm:
    """Send the storm to a gateway whose domain marks everything and rejects what is forged. Raises SimulationError."""
    false = max(1, round(settings.messages * settings.unknown * BOUNCING))
    state = home / "victim"
    secret = randomness.token_hex(32)
    secrets.write(state / "secrets", _SECRET, secret)
    tagged = batv.sign(_VICTIM, batv.Key(1, secret.encode()), keys.today())
    with Peer.module("mailboxes", home, "smtpfront.lab.world", "--listen", "mailboxes", "--listen", "world") as world:
        (state / "policy").mkdir()
        snapshot = _marking(policy(world.port("mailboxes"), world.port("world")))
        (state / "policy" / "current.json").write_bytes(codec.encode(snapshot))
        with front(state, clamd) as port:
            arguments = ("--to", f"127.0.0.1:{port}", "--victim", _VICTIM, "--tagged", tagged)
            counts = ("--false", str(false), "--genuine", str(GENUINE), "--seed", str(settings.seed))
            progress("a storm of false bounces", 0, false + GENUINE)
            with Peer.module("storm", home, "smtpfront.lab.storm", *arguments, *counts) as run:
                run.wait_for(lambda: "outcomes" in run.said, STORM_SECONDS)
                outcomes = run.said["outcomes"]
                accepted = outcomes.get("genuine", {}).get("accepted", 0)
                arrived = functools.partial(_arrived, world)
                # What the gateway has accepted it has delivered; the count follows within a moment.
                deadline = time.monotonic() + _COUNT_SECONDS
                while arrived() < accepted and time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                progress("a storm of false bounces", false + GENUINE, false + GENUINE)
                return Storm(
                    false=false,
                    false_refused=outcomes.get("false", {}).get("refused", 0),
                    genuine=GENUINE,
                    genuine_delivered=min(accepted, arrived()),
                    seconds=float(run.said["seconds"]),
                )


def _arrived(world: Peer) -> int:
    """Count the messages in the mailboxes."""
    return sum(world.said.get("counts", {}).get("mailboxes", {}).values())


def _marking(snapshot: Snapshot) -> Snapshot:
    """Give the policy in which all mail of the domain has long left marked, and forged bounces are rejected."""
    domain = snapshot.domains[DOMAIN]
    checks = {**domain.rules.checks, CHECK: CheckRule(mode=Mode.ENFORCE, action=Action.REJECT)}
    domain = msgspec.structs.replace(
        domain, rules=msgspec.structs.replace(domain.rules, checks=checks), marks_since="2020-01-01"
    )
    return msgspec.structs.replace(snapshot, domains={DOMAIN: domain}, marking=Marking(keys=(BatvKey(1, _SECRET),)))
