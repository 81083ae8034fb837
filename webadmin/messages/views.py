"""The short address of a message's page, which other programs print."""

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from gateway.models import Transaction


def by_id(request: HttpRequest, message: str) -> HttpResponse:
    """Lead to the page of one message; say so where it is not in the database (yet)."""
    if Transaction.objects.filter(pk=message).exists():
        return redirect("admin:gateway_transaction_change", quote(message))
    context = {**admin.site.each_context(request), "title": "Message not found", "message": message}
    return TemplateResponse(request, "webadmin/message_absent.html", context, status=404)
