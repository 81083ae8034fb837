"""Several lies in one mail, drawn at random, always the same: what each alone can't hide, two together might."""

import random

from tests.lies import encodings, structures
from tests.lies.building import TEXT, ZIP, Told, joined, message, part

_SEED = 20_261_121
_KINDS = (
    'Content-Type: application/zip; name="letter.zip"',
    "Content-Type: application/octet-stream",
    'Content-Type: image/png; name="letter.png"',
    "Content-Type: text/plain",
    "X-No-Type: 1",
)
_PLACES = (
    'Content-Disposition: attachment; filename="letter.zip"',
    "Content-Disposition: attachment; filename*=utf-8''letter%2Ezip",
    'Content-Disposition: attachment; filename="letter.zip',
    "X-No-Place: 1",
)
# Fields that only who guesses takes for base64: with an odd body nobody does.
_UNTOLD = {"absent", "empty", "unknown", "7bit", "as-parameter", "in-type", "encoding", "short"}
_BETWEEN = ("X-Nothing: 1", "no colon here", "X-A: 1\r\n folded", ">From them", "X-\xe9: 1", "   ")


def combined(count: int) -> Told:
    """Give that many mails, each with a boundary, an encoding and a body that are odd."""
    chance = random.Random(_SEED)  # noqa: S311 - nothing is kept secret by it
    fields_told = [each for each in encodings.FIELDS if each[0] not in _UNTOLD]
    bodies = encodings.base64_bodies(ZIP)
    for number in range(count):
        told, parameters, boundary = chance.choice(structures.BOUNDARIES)
        called, field = chance.choice(fields_told)
        done, body = chance.choice(bodies)
        fields = [chance.choice(_KINDS), field, chance.choice(_PLACES)]
        if chance.random() < 0.5:
            fields.insert(chance.randrange(3), chance.choice(_BETWEEN))
        entity = part(*fields, body=body)
        if chance.random() < 0.3:
            inner = joined("inner", TEXT, entity, end=chance.random() < 0.5)
            entity = part("Content-Type: multipart/mixed; boundary=inner", body=inner)
        head = b"Content-Type: multipart/mixed; " + (
            parameters if isinstance(parameters, bytes) else parameters.encode("latin-1")
        )
        raw = message(head, body=joined(boundary, TEXT, entity, end=chance.random() < 0.7))
        yield f"combined-{number}", f"Boundary {told}, base64 as {called}, with {done}", raw
