"""The verdict on an automatic message as pages show it: the evidence by its force, and a button for "this was mine"."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from gateway.backscatter import batv
from gateway.backscatter.words import Force, Verdict
from gateway.mail.findings import Finding
from gateway.mail.trace import Trace
from gateway.models import JudgedBounce
from gateway.operations.mine import report_mine, take_back_mine
from gateway.policy.learned import FORGED
from webadmin.rows import who

PERMISSION = "gateway.change_judgedbounce"
_ORDER = (Force.PROOF, Force.HINT, Force.AGAINST, Force.NEUTRAL)
_COLOURS = {Force.PROOF: "success", Force.HINT: "info", Force.AGAINST: "danger", Force.NEUTRAL: "plain"}
_VERDICTS = {Verdict.GENUINE: "success", Verdict.FORGED: "danger", Verdict.UNVERIFIABLE: "warning"}


class Piece(msgspec.Struct, frozen=True):
    """One piece of evidence, with the colour of its force."""

    force: str
    colour: str
    name: str
    text: str


class Shown(msgspec.Struct, frozen=True):
    """The verdict for one recipient. ``row`` is None until the trace has been learned from."""

    recipient: str
    verdict: str
    colour: str
    kind: str
    because: str
    pieces: tuple[Piece, ...]
    stage: str
    row: JudgedBounce | None
    can_report: bool


def verdicts(request: HttpRequest, trace: Trace, recipient: str = "") -> dict[str, Any]:
    """Give what the template shows of a trace's verdicts: all, or the one for a recipient without its tag."""
    told: dict[str, list[Finding]] = {}
    for each in trace.observations:
        for finding in each.findings if each.check == FORGED else ():
            if finding.recipient is not None:
                told.setdefault(finding.recipient, []).append(finding)
    rows = {row.recipient: row for row in JudgedBounce.objects.filter(transaction=trace.id)} if told else {}
    shown = [each for address, findings in told.items() for each in _shown(address, findings, rows)]
    return {
        "verdicts": [each for each in shown if recipient.lower() in {"", each.recipient}],
        "may_report": request.user.has_perm(PERMISSION),
        "message_id": trace.id,
    }


def _shown(address: str, findings: list[Finding], rows: dict[str, JudgedBounce]) -> Iterator[Shown]:
    """Give the verdict in what was found for one recipient, if there is one."""
    verdict = next((each for each in findings if "verdict" in each.facts), None)
    if verdict is None:
        return
    plain = batv.without_tag(address).lower()
    row, word = rows.get(plain), verdict.facts["verdict"]
    yield Shown(
        recipient=plain,
        verdict=word,
        colour=_VERDICTS.get(Verdict(word), "plain") if word in {*Verdict} else "plain",
        kind=verdict.facts.get("kind", ""),
        because=verdict.detail,
        pieces=tuple(sorted((_piece(each) for each in findings if "force" in each.facts), key=_place)),
        stage=next((each.detail for each in findings if each.symbol == "STAGE"), ""),
        row=row,
        can_report=row is not None and word != Verdict.GENUINE,
    )


def _piece(finding: Finding) -> Piece:
    """Make a piece of evidence of its finding."""
    force, name = finding.facts["force"], finding.facts.get("name", "")
    text = finding.detail.removeprefix(f"{name} ({force}): ")
    colour = _COLOURS[Force(force)] if force in {*Force} else "plain"
    return Piece(force, colour, name.replace("_", " "), text)


def _place(piece: Piece) -> int:
    """Give where a piece stands: the strongest first."""
    return _ORDER.index(Force(piece.force)) if piece.force in {*Force} else len(_ORDER)


@require_POST
def mine(request: HttpRequest, message: str) -> HttpResponse:
    """Take in that a message was theirs, or that this was a mistake. Raises PermissionDenied."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    recipient = request.POST.get("recipient", "").lower()
    if request.POST.get("do") == "take back":
        if take_back_mine(message, recipient, who(request)):
            messages.success(request, "The report is taken back. The domain goes on when nothing else is in its way.")
        else:
            messages.warning(request, "Nobody has reported this message.")
    elif report_mine(message, recipient, who(request)):
        said = (
            "Thank you, it is noted: this was yours. A guided domain only observes forged bounces again, for 14 days."
        )
        messages.success(request, said)
    else:
        messages.warning(request, "This has been reported before, or there is no doubt about this message.")
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return redirect(back)
    return redirect("admin:message", message)
