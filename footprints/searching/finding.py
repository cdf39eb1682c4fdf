"""Bodies by whatever somebody knows of them: a code, words of any name they ever had, a postcode,
an ONS code; misspelt, too.

Codes, word starts, postcodes and ONS codes are answered by indexes over all that was ever known.
A word that starts no word of any name is mended by the words that there are, and searched again.
What a result is called is what it was called on the day shown, as known by then.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date

from django.db import connection
from django.db.models import Case, F, IntegerField, OuterRef, Q, Subquery, Value, When

from ..ancestry import holding
from ..lives import Lives
from ..models import Identifier, Kind, Organisation, Reorganisation, Succession, Version
from .mending import mended
from .words import has_all, starts, typed, whole

SHOWN = 8  # while typing; the page has more
LOOKED_AT = 1000  # matches that are ranked at once
FEW = 3  # results: fewer, and the words may be misspelt
MANY = 2500  # matches of a common word that are ranked, beside the wide bodies
SHORT = 2  # letters: so short a start is looked for at the start of names alone
LONGEST = 200  # letters of what was typed

POSTCODE = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)(?:\s+(\d[A-Z]{0,2})|(\d[A-Z]{2}))?")
ONS_CODE = re.compile(r"[EWSNKJ]\d{3,8}")
CODE = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,18}[A-Z0-9])?")


@dataclass(frozen=True)
class Hit:
    """A body found: as it was on the day shown, or, where it did not live, when next to it.

    `lives` is "" on that day, else "past" or "future". `why` says what matched where the code
    and the name do not show it: "formerly NHS Ashford CCG", "postcode TN24 0GH". `then`: code and
    name of what a body of the past was followed by in its area.
    """

    version: Version
    lives: str = ""
    why: str = ""
    then: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What was found for a text, best first.

    `mended`: the words that were searched for too, as the text may be misspelt; "" where it is
    not, or that found no more. `is_as_typed`: whether anything was found as typed. `more`: whether
    there may be more than these.
    """

    text: str
    hits: list[Hit] = field(default_factory=list)
    mended: str = ""
    is_as_typed: bool = False
    more: bool = False


def search(text: str, *, day: date, known: int | None = None, limit: int = SHOWN) -> Answer:
    """The best `limit` bodies for what was typed, on that day, as known by that release.

    An exact code first, then a postcode or an ONS code, the starts of codes, and names: of live
    bodies first, whole words before starts of words, wide areas before practices; closed ones and
    those to come after them. Three to six queries.
    """
    text = " ".join(text.replace("\x00", " ").split())[:LONGEST]
    words = typed(text)
    finder = _Finder(day, known, limit + 1)
    by_code = finder.with_code(text)
    if any(letter.isdigit() for letter in text):
        finder.add([key for key, _ in by_code])
    else:  # "st" is the start of more names than codes
        finder.add([key for key, code in by_code if code == text.upper()])
    finder.by_identifier(text)
    if words and not finder.is_full:
        finder.by_words(words)
    finder.add([key for key, _ in by_code])
    by_words = all(isinstance(why, list) for why in finder.found.values())
    before = len(finder.found)
    instead = mended(words, times=10 if before else 2) if by_words and before < FEW else []
    if instead:
        finder.by_words(instead)
    hits = finder.hits()
    return Answer(
        text,
        hits[:limit],
        mended=" ".join(instead) if len(finder.found) > before else "",
        is_as_typed=before > 0,
        more=finder.more or len(hits) > limit,
    )


# The matches of a name by body, the name of the day before an older one.
NAMED = """
WITH named AS MATERIALIZED (
    SELECT version.organisation_id, version.kind_id, version.name, version.words,
           version.opened_on, ({lives}) AS holds
    FROM footprints_version AS version
    WHERE {matched} AND version.words @@ %(starts)s::tsquery {kinds}
    LIMIT {looked_at}
), body AS (
    SELECT DISTINCT ON (organisation_id) * FROM named
    ORDER BY organisation_id, holds DESC, opened_on DESC NULLS LAST
)
SELECT body.organisation_id, (SELECT count(*) FROM named)
FROM body
JOIN footprints_kind AS kind ON kind.code = body.kind_id
JOIN footprints_organisation AS organisation
  ON organisation.id = body.organisation_id AND NOT organisation.is_provisional
ORDER BY (body.holds OR EXISTS (
             SELECT FROM footprints_version AS version
             WHERE version.organisation_id = body.organisation_id AND {lives}
         )) DESC,
         (body.words @@ %(whole)s::tsquery) DESC, kind.tier, length(body.words),
         lower(body.name), organisation.code
LIMIT %(limit)s
"""
# Names that begin so; each kind by its index, the widest first.
BEGINNING = """
SELECT found.organisation_id
FROM footprints_kind AS kind
CROSS JOIN LATERAL (
    SELECT version.organisation_id, version.name FROM footprints_version AS version
    WHERE version.kind_id = kind.code AND {lives}
      AND lower(version.name) >= %(first)s AND lower(version.name) < %(after)s
    ORDER BY lower(version.name), version.id
    LIMIT %(limit)s
) AS found
JOIN footprints_organisation AS organisation
  ON organisation.id = found.organisation_id AND NOT organisation.is_provisional
ORDER BY kind.tier, lower(found.name), organisation.code
LIMIT %(limit)s
"""


class _Finder:
    """Collects organisations in the order they are to be shown, each with what matched."""

    def __init__(self, day, known, limit):
        self.day, self.known, self.limit = day, known, limit
        self.found: dict[int, str | list[str]] = {}  # organisation → why, or the words asked for
        self.more = False
        self.given = {"day": day, "known": known, "limit": limit}

    @property
    def is_full(self):
        return len(self.found) >= self.limit

    def with_code(self, text):
        """(key, code) of the body of that code, and of those whose code begins so."""
        code = text.upper()
        if not CODE.fullmatch(code):
            return []
        rows = Organisation.objects.filter(code__startswith=code, is_provisional=False)
        return list(rows.order_by("code").values_list("pk", "code")[: self.limit])

    def add(self, keys):
        for key in keys[: max(0, self.limit - len(self.found))]:
            self.found.setdefault(key, "")

    def by_identifier(self, text):
        """Bodies at a postcode or in a whole postcode district; or with an ONS code."""
        wanted = _identifiers(text.upper())
        if wanted is None:
            return
        on_day = Q(opened_on=None) | Q(opened_on__lte=self.day)
        on_day &= Q(closed_on=None) | Q(closed_on__gt=self.day)
        rows = (
            Identifier.objects.known(self.known)
            .filter(wanted, organisation__is_provisional=False)
            .annotate(
                held=Case(When(on_day, then=Value(0)), default=1, output_field=IntegerField())
            )
            .order_by("held", "value", F("opened_on").desc(nulls_last=True), "pk")
            .values_list("organisation", "scheme", "value")
        )
        names = dict(Identifier.Scheme.choices)
        for key, scheme, value in rows[: 3 * self.limit]:
            self.found.setdefault(key, f"{names.get(scheme, scheme)} {value}")

    def by_words(self, words):
        """Bodies whose name, of any day, has words that start so."""
        if all(len(word) <= SHORT for word in words):
            first = " ".join(words)
            self._ask(BEGINNING, {"first": first, "after": first + chr(0x10FFFF)}, words)
            return
        asked = {"starts": starts(words), "whole": whole(words)}
        matched = holding("version", self.known)
        parts = {"matched": matched, "kinds": "", "looked_at": LOOKED_AT + 1}
        before = dict(self.found)
        if self._ask(NAMED, asked, words, **parts) <= LOOKED_AT:
            return
        # A word like "surgery": the wide bodies of that name, and then some of the others.
        self.found, self.more = before, True
        wide = Kind.objects.filter(Q(is_footprint=True) | Q(is_legal_body=True))
        kinds = list(wide.values_list("code", flat=True))
        self._ask(NAMED, asked | {"starts": starts(words, kinds)}, words, **parts)
        if not self.is_full:
            others = {"kinds": "AND version.kind_id <> ALL (%(kinds)s)", "looked_at": MANY}
            others["matched"] = holding("version", self.known, on_day=True)
            self._ask(NAMED, asked | {"kinds": kinds}, words, **parts | others)

    def _ask(self, sql, params, words, **parts):
        """Add what the statement finds; return how many matches it looked at."""
        lives = holding("version", self.known, on_day=True)
        with connection.cursor() as cursor:
            cursor.execute(sql.format(lives=lives, **parts), {**self.given, **params})
            rows = cursor.fetchall()
        for organisation, *_ in rows:
            self.found.setdefault(organisation, words)
        return rows[0][1] if rows and parts else 0

    def hits(self):
        """The bodies found, under the names of the day."""
        lives = Lives(self.found, self.known)
        hits = []
        for key, why in self.found.items():
            version = lives.on(key, self.day)
            shown = version or lives.near(key, self.day)
            if shown is None:  # nothing was known of it yet, at the moment asked for
                continue
            ended = shown.closed_on is not None and shown.closed_on <= self.day
            state = "" if version else "past" if ended else "future"
            if not isinstance(why, str):
                why = _called(lives.of(key), shown, why)
            hits.append(Hit(shown, state, why))
        past = [hit.version for hit in hits if hit.lives == "past"]
        if not past:
            return hits
        then = self._followed(past)
        return [replace(hit, then=then.get(hit.version.organisation_id, ())) for hit in hits]

    def _followed(self, versions):
        """Organisation → code and name of what came next in its area, as it began."""
        ends = {version.organisation_id: version.closed_on for version in versions}
        began = Version.objects.known(self.known).filter(
            Q(opened_on=None) | Q(opened_on__lte=OuterRef("reorganisation__effective_on")),
            Q(closed_on=None) | Q(closed_on__gt=OuterRef("reorganisation__effective_on")),
            organisation=OuterRef("successor"),
        )
        rows = (
            Succession.objects.known(self.known)
            .filter(
                predecessor__in=ends,
                passes=Succession.Passes.AREA,
                successor__isnull=False,
                reorganisation__state__in=Reorganisation.State.settled(),
            )
            .exclude(successor=F("predecessor"))
            .annotate(name=Subquery(began.values("name")[:1]))
            .order_by("-share", "successor__code")
            .values_list("predecessor", "reorganisation__effective_on", "successor__code", "name")
        )
        then = {}
        for predecessor, day, code, name in rows:
            if day == ends[predecessor] and name:
                then[predecessor] = (
                    *then.get(predecessor, ()),
                    (code, name.removesuffix(f" - {code}")),
                )
        return then


def _called(versions, shown, words):
    """The other name that has the words, where the one shown has not: "formerly …"."""
    if has_all(shown.name, words):
        return ""
    for version in reversed(versions):
        if has_all(version.name, words):
            before = version.closed_on is not None and (
                shown.opened_on is not None and version.closed_on <= shown.opened_on
            )
            return f"{'formerly' if before else 'later'} {version.name}"
    return ""


def _identifiers(text):
    """The identifiers that begin as typed, as a Q; None where none can."""
    postcode = POSTCODE.fullmatch(text)
    if postcode:
        outward, inward = postcode[1], postcode[2] or postcode[3] or ""
        return Q(scheme=Identifier.Scheme.POSTCODE, value__startswith=f"{outward} {inward}")
    if ONS_CODE.fullmatch(text):
        return Q(scheme=Identifier.Scheme.GSS, value__startswith=text)
    return None
