"""What one page says of a territory on a day: numbers, people, what is coming."""

from dataclasses import dataclass, field
from datetime import date

from footprints.models import Version
from footprints.names import listed, short
from stakeholders.models import Post, Tenure

from ..effects import seen_by
from ..models import Flag, RosterEntry, Territory
from ..territories.pictures import Picture
from ..territories.reading import PlanOnDay, TerritoryOnDay
from .below import practices_below


@dataclass(frozen=True)
class Coming:
    """An event that touches the territory: what it does there, and until when it is open."""

    title: str
    on: date
    is_decided: bool
    does: str


@dataclass
class TerritoryBrief:
    """``index`` is people against the mean of 100, None where not known; ``vacant_posts`` counts
    posts at the units that nobody holds."""

    territory: Territory
    day: date
    row: TerritoryOnDay
    units: list[Version] = field(default_factory=list)
    practices: int = 0
    index: int | None = None
    roster: list[RosterEntry] = field(default_factory=list)
    tenures: list[Tenure] = field(default_factory=list)
    vacant_posts: int = 0
    coming: list[Coming] = field(default_factory=list)
    picture: Picture | None = None
    map_of: str = ""

    @property
    def systems(self) -> str:
        return listed([short(name) for _, name in self.row.systems])


def territory_brief(territory: Territory, on_day: PlanOnDay) -> TerritoryBrief:
    """The brief, of what the reader may see; some twenty queries at any size."""
    day = on_day.day
    row = next(row for row in on_day.rows if row.territory == territory)
    held = [key for key, home in on_day.held.items() if home == territory]
    found = TerritoryBrief(territory, day, row)
    versions = Version.objects.now().on(day).filter(organisation__in=held)
    found.units = list(versions.select_related("organisation", "kind").order_by("name", "pk"))
    found.practices = len({each for some in practices_below(held, day).values() for each in some})
    if row.people is not None and on_day.mean:
        found.index = round(100 * row.people / on_day.mean)
    found.roster = [entry for entry in (row.owner, *row.others) if entry]
    there = Tenure.objects.on(day).filter(post__organisation__in=held)
    found.tenures = list(
        there.select_related("person", "post__organisation").order_by(
            "post__organisation__code", "post__role", "pk"
        )
    )
    posts = Post.objects.on(day).filter(organisation__in=held)
    found.vacant_posts = posts.exclude(tenures__in=there).count()
    found.coming = _coming(territory, on_day)
    if on_day.kinds:
        kind = next((v.kind for v in found.units), on_day.kinds[0])
        found.picture, found.map_of = on_day.picture(kind, territory), kind.plural
    return found


def _coming(territory: Territory, on_day: PlanOnDay) -> list[Coming]:
    """The plan's open flags that touch the territory, of events after the day."""
    flags = (
        Flag.objects.on_plans()
        .open()
        .filter(object_id=territory.plan_id, reorganisation__effective_on__gt=on_day.day)
        .select_related("reorganisation")
    )
    events = [flag.reorganisation for flag in flags]
    found = seen_by(on_day.user, [territory.plan], events) if events else {}
    here = [effects.within([territory.pk]) for effects in found.values()]
    return sorted(
        (
            Coming(
                part.reorganisation.title,
                part.reorganisation.effective_on,
                part.reorganisation.is_decided,
                ", ".join(part.summary) or "carries over by itself",
            )
            for part in here
            if part.lines or part.meetings
        ),
        key=lambda coming: (coming.on, coming.title),
    )


__all__ = ["Coming", "TerritoryBrief", "territory_brief"]
