"""Has spam engines learn a quarantined message: what its page offers, and what came of it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from gateway.models import QuarantinedCopy
from gateway.models.lesson import LessonKind
from gateway.operations import learn
from gateway.operations.delete import LIVE
from webadmin.rows import who

PERMISSION = "gateway.add_lesson"


def pupils(request: HttpRequest) -> tuple[str, ...]:
    """Give the engines that the person may have learn something: those that are on, if any."""
    return learn.engines_on(settings.CONFIG) if request.user.has_perm(PERMISSION) else ()


def lessons(request: HttpRequest, row: QuarantinedCopy) -> dict[str, Any]:
    """Give what the page of a copy shows: who can learn the message while it is kept, and what was learned of it."""
    return {
        "pupils": pupils(request) if row.state in LIVE else (),
        "lessons": learn.of_message(row.message),
    }


def ask(request: HttpRequest, row: QuarantinedCopy, kind: str) -> None:
    """Have a message learned, and tell the person who will. Raises PermissionDenied."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    try:
        asked = learn.ask(row.message, LessonKind(kind), who(request))
    except ValueError:
        messages.error(request, "Choose spam or ham.")
        return
    if asked:
        messages.success(request, f"{' and '.join(asked)} will learn this message as {kind}.")
    else:
        messages.info(request, f"No engine is on that has not learned it as {kind} already.")


def ask_for_all(request: HttpRequest, copies: QuerySet[QuarantinedCopy]) -> None:
    """Have the messages of copies that are about to be released learned as ham, where the person may."""
    if pupils(request):
        for message in copies.order_by().values_list("message", flat=True).distinct():
            learn.ask(message, LessonKind.HAM, who(request))
