"""What each fact of a page rests on: the publisher's source, the report, when it was recorded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from ..lives import Lives
from ..models import Recorded, Release
from ..written import number, period
from .body import Body


@dataclass(frozen=True)
class Ground:
    """Some facts that are said alike, on the same ground.

    ``news`` is the release whose news they are; ``recorded_at`` when that was applied.
    ``again_at``: where an undo brought them back since. ``count`` of them are said in one.
    """

    what: str
    says: str
    source: str
    note: str
    news: Release
    again_at: datetime | None
    count: int = 1

    @property
    def recorded_at(self) -> datetime:
        return self.news.applied_at

    @property
    def published_on(self) -> date | None:
        """The day that the report tells of, where it said so."""
        return self.news.published_on


def grounds(
    body: Body, versions, relationships, flows, lives: Lives, releases: dict[int, Release]
) -> list[Ground]:
    """Every fact that the page of a body shows, in its order; those that repeat are counted.

    ``releases`` by key; whatever rests on one that is not there is left out.
    """

    def called(key: int | None, day: date | None) -> str:
        if key is None:
            return "nobody"
        version = lives.near(key, day) if day else next(iter(lives.of(key)), None)
        return version.organisation.code if version else "?"

    said: dict[tuple, list] = {}

    def add(what: str, says: str, row: Recorded):
        news = releases.get(row.origin_id or row.asserted_by_id)
        if news is None:
            return
        again = releases.get(row.asserted_by_id) if row.origin_id else None
        key = (what, says, row.source, row.note, news.pk, again and again.pk)
        said.setdefault(key, [news, again, 0])[2] += 1

    for row in versions:
        add("Name and kind", f"{row.name}, {row.kind}, {_held(row)}", row)
    for row in body.identifiers:
        add(row.get_scheme_display(), f"{row.value}, {_held(row)}", row)
    for row in body.populations:
        add("Population", f"{number(row.people)} in mid-{row.year}", row)
    for row in relationships:
        if row.child_id == body.key:
            other = called(row.parent_id, row.opened_on)
            add("Where it belongs", f"{row.get_type_display()} {other}, {_held(row)}", row)
    for row in body.leads:
        is_ours = row.collaborative_id == body.key
        other = called(row.provider_id if is_ours else row.collaborative_id, row.opened_on)
        verb = "led by" if is_ours else "leads"
        add("Lead provider", f"{verb} {other} for {row.service_line}, {_held(row)}", row)
    for row in flows:
        title = row.reorganisation.title
        add("Succession", title, row)
    for row in body.moves:
        old, new = called(row.from_parent_id, None), called(row.to_parent_id, None)
        add("Change of parent", f"from {old} to {new}", row)
    return [
        Ground(what, says, source, note, news, again and again.applied_at, count)
        for (what, says, source, note, *_), (news, again, count) in said.items()
    ]


def release_keys(*facts: Iterable[Recorded]) -> set[int]:
    """The releases that these facts name: who asserted them, and whose news they are."""
    return {
        key
        for rows in facts
        for row in rows
        for key in (row.asserted_by_id, row.origin_id)
        if key is not None
    }


def _held(row) -> str:
    return period(row.opened_on, row.closed_on)
