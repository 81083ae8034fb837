"""The other side of the simulation: a storm of false bounces, and a few genuine, to one victim behind it."""

import secrets as randomness
import time
from collections import Counter
from email.utils import formatdate
from pathlib import Path

import msgspec

from gateway.backscatter import batv, seal
from gateway.embedded.simulation.peers import Peer, front
from gateway.embedded.simulation.sides import Progress, policy
from gateway.embedded.simulation.words import BOUNCING, DOMAIN, GENUINE_SHARES, Settings, Storm
from gateway.mail.decisions import Action
from gateway.outbound import keys
from gateway.policy import codec, defaults
from gateway.policy.snapshot import BatvKey, CheckRule, Marking, Mode, Snapshot
from gateway.services import secrets
from gateway.services.ledger import ENTRIES_A_MEGABYTE, open_ledger

CHECK = "forged_bounce"
GENUINE = 40
LEAST = 100  # false ones, so that every kind is among them
STORM_SECONDS = 600.0
_COUNT_SECONDS = 3.0
_POLL_SECONDS = 0.1
_VICTIM = f"user1@{DOMAIN}"
_BATV, _SEAL = "batv-1", "seal-1"  # the ids of secrets
_LEDGER_MEGABYTES = 1
# Forged bounces are refused. Other machines' answers that nobody asked for are set aside, as in any storm.
_ENFORCED = {CHECK: Action.REJECT, "unsolicited": Action.QUARANTINE}


def judged() -> bool:
    """Whether this gateway judges bounces."""
    return CHECK in defaults.CHECKS


def storm(home: Path, clamd: str, settings: Settings, progress: Progress) -> Storm:
    """Send the storm to a gateway whose domain marks everything and rejects what is forged. Raises SimulationError."""
    false = max(LEAST, round(settings.messages * settings.unknown * BOUNCING))
    state = home / "victim"
    written = home / "originals.json"
    written.write_bytes(msgspec.json.encode(_originals(state, GENUINE)))
    with Peer.module("mailboxes", home, "smtpfront.lab.world", "--listen", "mailboxes", "--listen", "world") as world:
        (state / "policy").mkdir()
        snapshot = _marking(policy(world.port("mailboxes"), world.port("world")))
        (state / "policy" / "current.json").write_bytes(codec.encode(snapshot))
        environment = {"BACKSTOP_LEDGER__MEGABYTES": str(_LEDGER_MEGABYTES)}
        with front(state, clamd, environment) as port:
            arguments = ("--to", f"127.0.0.1:{port}", "--victim", _VICTIM, "--originals", str(written))
            counts = ("--false", str(false), "--seed", str(settings.seed))
            progress("a storm of false bounces", 0, false + GENUINE)
            with Peer.module("storm", home, "smtpfront.lab.storm", *arguments, *counts) as run:
                run.wait_for(lambda: "outcomes" in run.said, STORM_SECONDS)
            told = run.said["outcomes"]
            _wait_for_counts(world, told)
            progress("a storm of false bounces", false + GENUINE, false + GENUINE)
            kinds = {kind: _became(kind, answers, _arrived(world)) for kind, answers in told.items()}
            return Storm(kinds=kinds, seconds=float(run.said["seconds"]))


def _originals(state: Path, count: int) -> list[dict[str, str]]:
    """Let the victim have sent mail, marked as the gateway marks it, and say how each message comes back."""
    made = {name: randomness.token_hex(32) for name in (_BATV, _SEAL)}
    for name, secret in made.items():
        secrets.write(state / "secrets", name, secret)
    ledger, store = open_ledger(state, state / "secrets", entries=_LEDGER_MEGABYTES * ENTRIES_A_MEGABYTE)
    tagged = batv.sign(_VICTIM, batv.Key(1, made[_BATV].encode()), keys.today())
    now = time.time()
    kinds = [kind for kind, share in GENUINE_SHARES.items() for _ in range(round(share * count))]
    originals = []
    with store:
        for number, kind in enumerate(kinds):
            message_id, date = f"{randomness.token_hex(8)}@{DOMAIN}", formatdate(now)
            failed = f"customer{number}@mx{number}.example.org"
            # What comes from a sender of its own is proven by each of the three in turn.
            proof = kind if kind != "from-a-sender" else tuple(GENUINE_SHARES)[number % 3]
            sealed = seal.make(made[_SEAL].encode(), message_id=message_id, date=date, sender=_VICTIM, now=now)
            if proof == "by-ledger":
                ledger.sent(message_id, _VICTIM, (failed,), now)
            originals.append(
                {
                    "kind": kind,
                    "returns_to": tagged if proof == "by-tag" else _VICTIM,
                    "failed": failed,
                    "message_id": message_id,
                    "date": date,
                    "seal": sealed if proof == "by-seal" else "",
                }
            )
    randomness.SystemRandom().shuffle(originals)
    return originals


def _wait_for_counts(world: Peer, told: dict[str, dict[str, int]]) -> None:
    """Wait for the count of what was accepted; what is in quarantine never comes, so not for long."""
    accepted = sum(answers.get("accepted", 0) for answers in told.values())
    deadline = time.monotonic() + _COUNT_SECONDS
    while sum(_arrived(world).values()) < accepted and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _arrived(world: Peer) -> Counter[str]:
    """Give what is in the mailboxes, by kind; the word ``tagged`` follows where the message says that it is doubted."""
    return Counter(world.said.get("counts", {}).get("mailboxes", {}))


def _became(kind: str, answers: dict[str, int], arrived: Counter[str]) -> dict[str, int]:
    """Say what became of the bounces of a kind: what was accepted and has not arrived is in quarantine."""
    delivered, tagged = arrived[kind], arrived[f"{kind} tagged"]
    return {
        "refused": answers.get("refused", 0),
        "deferred": answers.get("deferred", 0) + answers.get("lost", 0),
        "quarantined": max(0, answers.get("accepted", 0) - delivered - tagged),
        "tagged": tagged,
        "delivered": delivered,
    }


def _marking(snapshot: Snapshot) -> Snapshot:
    """Give the policy in which all mail of the domain has long left marked."""
    domain = snapshot.domains[DOMAIN]
    enforced = {name: CheckRule(mode=Mode.ENFORCE, action=action) for name, action in _ENFORCED.items()}
    rules = msgspec.structs.replace(domain.rules, checks={**domain.rules.checks, **enforced})
    domain = msgspec.structs.replace(domain, rules=rules, marks_since="2020-01-01")
    marking = Marking(keys=(BatvKey(1, _BATV),), seal=_SEAL)
    return msgspec.structs.replace(snapshot, domains={DOMAIN: domain}, marking=marking)
