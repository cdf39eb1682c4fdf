"""Home bases: where somebody who works a territory sets out from, by a body that lies there."""

from collections.abc import Collection
from datetime import date

from footprints.models import Identifier, Organisation
from footprints.reports.rows import postcode_of
from footprints.tiles import places_on


class NotABase(Exception):
    """Why nothing is known to lie there, in the reader's words."""


def bases(texts: Collection[str], day: date) -> dict[str, int | NotABase]:
    """What was written → the body it names, by key, or why it is no base.

    A body's code, or a postcode at which one that lives on that day is. Four queries, however
    many are asked for.
    """
    codes = {text: text.strip().upper() for text in texts}
    bodies = dict(Organisation.objects.with_codes(codes.values()).values_list("code", "pk"))
    postcodes = {postcode: None for code in codes.values() if (postcode := _postcode(code))}
    at = (
        Identifier.objects.now()
        .on(day)
        .filter(scheme=Identifier.Scheme.POSTCODE, value__in=postcodes)
    )
    for value, body in at.order_by("-organisation__code").values_list("value", "organisation"):
        postcodes[value] = body
    found = {
        text: bodies.get(code) or postcodes.get(_postcode(code)) for text, code in codes.items()
    }
    placed = places_on({body for body in found.values() if body}, day)
    return {text: _judge(text, body, placed) for text, body in found.items()}


def _postcode(code: str) -> str | None:
    """As the register writes it, with one space before the last three; None of anything else."""
    packed = "".join(code.split())
    return postcode_of(f"{packed[:-3]} {packed[-3:]}") if len(packed) > 4 else None


def _judge(text, body, placed) -> int | NotABase:
    if body in placed:
        return body
    if body is None and _postcode(text.upper()):
        return NotABase("The register has nothing at this postcode. Write one of a body nearby.")
    if body is None:
        return NotABase("The register has no body of this code.")
    return NotABase("Nobody knows where this body is.")
