"""Says how a simulation came out: a table, bars for the terminal, and an SVG file. Pure text; it measures nothing."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from gateway.embedded.simulation.words import BOUNCING, FALSE_KINDS, FATES, GENUINE_KINDS, KINDS, OUTCOMES, Story

_BAR = 44  # columns of the longest bar
_PARTS = " ▏▎▍▌▋▊▉"
_CELL = 22
_LABEL = 36
_FATE = 17
# The seed of it all: a spam run of this size, this share of unknown users, and this share of servers that bounce.
_SEED = (2_000_000, 0.40, BOUNCING)
_STYLE = "text{fill:#222}rect.back{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#eee}rect.back{fill:#1c1c1c}}"
_COLOURS = ("#c0392b", "#d98324", "#7d5ba6", "#2e7d8c", "#5d6d7e", "#a04070", "#8a8a3a", "#444444")


def table(story: Story) -> Iterator[str]:
    """Give the lines of the table."""
    sides = (story.gateway, story.bouncer)
    yield _row(f"of {story.settings.messages:,} messages", *(side.name for side in sides))
    yield _rule()
    yield "told to the client:"
    for outcome, words in OUTCOMES.items():
        yield _row(f"  {words}", *(f"{side.told(outcome):,}" for side in sides))
    yield _row("in mailboxes", *(f"{side.mailboxes:,}" for side in sides))
    yield _rule()
    yield _row("MESSAGES TO FORGED SENDERS", *(f"{side.to_strangers:,}" for side in sides))
    for kind, words in (KINDS | {"other": "other"}).items():
        if any(side.backscatter.get(kind) for side in sides):
            yield _row(f"  {words}", *(f"{side.backscatter.get(kind, 0):,}" for side in sides))
    yield _row("apart: by the inner server itself", *(f"{sum(side.inner.values()):,}" for side in sides))
    yield _rule()
    yield _row("seconds to take the spam run", *(f"{side.seconds:.0f}" for side in sides))
    yield _row("seconds until the queues were empty", *(f"{side.drained:.0f}" for side in sides))


def bars(story: Story) -> Iterator[str]:
    """Give the plot as lines for the terminal."""
    yield "Messages to people who never wrote"
    rows = [
        (f"{side.name}{suffix}", count)
        for side in (story.bouncer, story.gateway)
        for suffix, count in (("", side.to_strangers), (", inner server", sum(side.inner.values())))
    ]
    longest = max(1, *(count for _, count in rows))
    for label, count in rows:
        yield f"  {label:<{_LABEL}} {_bar(count / longest)} {count:,}"


def storm(story: Story) -> Iterator[str]:
    """Give the lines about the storm of bounces: what became of each kind; none where there was none."""
    if story.storm is None:
        return
    seen = story.storm
    yield (
        f"A storm of {seen.false:,} false and {seen.genuine} genuine bounces to one victim behind this gateway, "
        f"in {seen.seconds:.1f} s"
    )
    shown = [fate for fate in FATES if any(each.get(fate) for each in seen.kinds.values())]
    yield _storm_row("", *(FATES[fate] for fate in shown))
    for kinds in (FALSE_KINDS, GENUINE_KINDS):
        for kind, words in kinds.items():
            if counts := seen.kinds.get(kind):
                yield _storm_row(words, *(f"{counts.get(fate, 0):,}" for fate in shown))
        sums = seen.fates(kinds)
        yield _storm_row("all", *(f"{sums[fate]:,}" for fate in shown))
    yield f"  {'GENUINE LOST':<{_LABEL}} {seen.genuine_lost}"
    yield f"  {'FALSE DELIVERED UNTAGGED':<{_LABEL}} {seen.false_untagged}"


def seed() -> str:
    """Give the sum from which the project began."""
    messages, unknown, bouncing = _SEED
    return (
        f"The sum behind it: {messages:,} spams x {unknown:.0%} unknown users x {bouncing:.0%} of servers that bounce "
        f"= {messages * unknown * bouncing:,.0f} bounces to people who never wrote."
    )


def svg(story: Story) -> str:
    """Give the plot as a picture: one bar a side, by what the bounces are about, the inner server's apart."""
    rows = [
        row
        for side in (story.bouncer, story.gateway)
        for row in ((side.name, side.backscatter), (f"{side.name}: inner server", side.inner))
    ]
    longest = max(1, *(sum(counts.values()) for _, counts in rows))
    sent = f"{story.settings.messages:,}"
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 300" font-family="sans-serif" font-size="14">',
        f"<style>{_STYLE}</style>",
        '<rect class="back" width="860" height="300"/>',
        f'<text x="20" y="30" font-size="18">Messages to people who never wrote, from {sent} spams</text>',
    ]
    for at, (label, counts) in enumerate(rows):
        lines += _stacked(56 + at * 44, label, counts, longest)
    shown = [kind for kind in (*KINDS, "other") if any(counts.get(kind) for _, counts in rows)]
    for at, kind in enumerate(shown):
        x, y = 20 + at % 3 * 275, 248 + at // 3 * 22
        lines.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{_colour(kind)}"/>')
        lines.append(f'<text x="{x + 18}" y="{y + 11}">{escape(KINDS.get(kind, kind))}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _stacked(y: int, label: str, counts: dict[str, int], longest: int) -> Iterator[str]:
    """Give one bar, its label in front and its sum behind."""
    yield f'<text x="20" y="{y + 20}">{escape(label)}</text>'
    x = 290.0
    for kind in (*KINDS, "other"):
        if count := counts.get(kind, 0):
            width = 480 * count / longest
            title = f"<title>{escape(KINDS.get(kind, kind))}: {count:,}</title>"
            yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="30" fill="{_colour(kind)}">{title}</rect>'
            x += width
    yield f'<text x="{x + 8:.1f}" y="{y + 20}">{sum(counts.values()):,}</text>'


def _colour(kind: str) -> str:
    """Give a kind's colour, the same in each bar."""
    return _COLOURS[[*KINDS, "other"].index(kind)]


def _bar(share: float) -> str:
    """Draw a bar in eighths of a column; what is not nothing is seen."""
    eighths = max(round(share * _BAR * 8), 1 if share else 0)
    return "█" * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")


def _row(label: str, *cells: str) -> str:
    """Give one line of the table."""
    return (f"{label:<{_LABEL}} |" + " |".join(f"{cell:>{_CELL}}" for cell in cells)).rstrip()


def _storm_row(label: str, *cells: str) -> str:
    """Give one line of the storm's table."""
    return f"  {label:<{_LABEL}}" + "".join(f" {cell:>{_FATE}}" for cell in cells)


def _rule() -> str:
    """Give a line between parts of the table."""
    return "-" * (_LABEL + 1) + ("+" + "-" * (_CELL + 1)) * 2
