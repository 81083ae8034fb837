"""Words of the console's templates: badges, sizes, durations."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gateway.mail.copies import Purpose

register = template.Library()

_STEP = 1024
_SECOND = 1000  # milliseconds

# The colour of each word, wherever it stands.
COLOURS = {
    "delivered": "success",
    "deliver": "success",
    "released": "success",
    "learned": "success",
    "waiting": "primary",
    "miss": "",
    "tag": "info",
    "strip": "info",
    "redirect": "primary",
    "redirected": "primary",
    "quarantine": "warning",
    "quarantined": "warning",
    "mixed": "primary",
    "releasing": "primary",
    "reject": "danger",
    "rejected": "danger",
    "drop": "danger",
    "dropped": "danger",
    "failed": "danger",
    "hit": "danger",
    "error": "warning",
    "timeout": "warning",
    "defer": "info",
    "deferred": "info",
}


@register.filter
def badge(word: Any) -> SafeString:  # noqa: ANN401 - whatever the template has
    """Give a word on its colour."""
    text = str(word or "")
    if not text:
        return SafeString("")
    return format_html('<span class="bs-badge bs-{}">{}</span>', COLOURS.get(text, "") or "plain", text)


@register.filter
def octets(number: Any) -> str:  # noqa: ANN401 - whatever the template has
    """Give a size in octets as people read it, in powers of 1024."""
    try:
        size = float(number)
    except (TypeError, ValueError):
        return ""
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if abs(size) < _STEP:
            return f"{size:.0f} {unit}" if unit == "octets" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} TiB"


@register.filter
def milliseconds(number: Any) -> str:  # noqa: ANN401 - whatever the template has
    """Give a time in milliseconds as people read it."""
    try:
        value = float(number)
    except (TypeError, ValueError):
        return ""
    return f"{value / _SECOND:.2f} s" if value >= _SECOND else f"{value:.1f} ms"


@register.filter
def purpose(word: Any) -> str:  # noqa: ANN401 - whatever the template has
    """Give what a copy is for in words."""
    try:
        return Purpose(word).words
    except ValueError:
        return str(word)


@register.filter
def sender(address: Any) -> str:  # noqa: ANN401 - whatever the template has
    """Give an envelope sender in words: the null sender is no missing one."""
    if address is None:
        return "no MAIL accepted"
    return str(address) or "<> (null sender)"
