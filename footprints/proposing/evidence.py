"""Evidence as it is kept with a proposal and shown: plain values, names as they were, no keys.

A list, one entry a predecessor (widest areas first)::

    {"code", "name", "kind",         what it was on the day before
     "how",                          "closed", "emptied", "parted"; "stated": no member moved
     "day": {"day", "told_by", "seen_on", "arrived_on"},
     "type", "noun": [one, many],    how and as what its members were in it
     "total",                        how many there were
     "went": [{"code", "name", "kind", "count", "share", "people", "people_share", "stated",
               "members": [{"code", "name", "is_itself"}]}],
     "strays", "lost"}               members that went elsewhere, or could not be followed

``count`` is a fraction where a member was split itself. Shares are parts of one, None where not
known; ``stated``: a report says so too, or alone.
"""

from collections.abc import Iterable
from datetime import date

from ..lives import Lives
from ..models import Kind
from ..names import inline
from ..written import day_in_full
from .grouping import Suggestion
from .judging import Passage, Went
from .movements import Member

TOLD_BY = {
    "closed": "its last day",
    "opened": "the first day of its successor",
    "stated": "the members' own first day there",
}


def written(suggestions: Iterable[Suggestion]) -> dict[str, list[dict]]:
    """The evidence of each suggestion, by slug; a fixed number of queries."""
    suggestions = list(suggestions)
    lives = Lives({key for s in suggestions for pair in s.pairs for key in pair})
    kinds = Kind.objects.in_bulk()
    return {s.slug: _entries(s, lives, kinds) for s in suggestions}


def _entries(suggestion: Suggestion, lives: Lives, kinds) -> list[dict]:
    entries = {}
    for (old, new), passage in suggestion.pairs.items():
        version = lives.before(old, suggestion.day)
        entry = entries.setdefault(
            old,
            {
                "code": version.organisation.code,
                "name": version.name,
                "kind": version.kind_id,
                **(_moved(passage, kinds) if passage else _stated(suggestion)),
                "went": [],
            },
        )
        after = lives.near(new, suggestion.day)
        entry["went"].append(
            {
                "code": after.organisation.code,
                "name": after.name,
                "kind": after.kind_id,
                **_way(passage, new),
            }
        )
    for entry in entries.values():
        entry["went"].sort(key=lambda went: (-went["count"], went["code"]))
    return sorted(entries.values(), key=lambda e: (kinds[e["kind"]].tier, e["code"]))


def _moved(passage: Passage, kinds) -> dict:
    kind, day = kinds[passage.kind], passage.day
    return {
        "how": passage.how,
        "day": {
            "day": day.day.isoformat(),
            "told_by": list(day.told_by),
            "seen_on": day.seen_on and day.seen_on.isoformat(),
            "arrived_on": day.arrived_on.isoformat(),
        },
        "type": passage.type,
        "noun": [inline(kind.name), inline(kind.plural)],
        "total": passage.total,
        "strays": _members(passage.strays),
        "lost": _members(passage.lost),
    }


def _stated(suggestion: Suggestion) -> dict:
    day = suggestion.day.isoformat()
    return {
        "how": "stated",
        "day": {"day": day, "told_by": [], "seen_on": None, "arrived_on": day},
        "type": None,
        "noun": ["member", "members"],
        "total": 0,
        "strays": [],
        "lost": [],
    }


def _way(passage: Passage | None, new: int) -> dict:
    way = next((went for went in passage.went if went.new == new), None) if passage else None
    if way is None:
        way, share, people_share = Went(new, ()), None, None
    else:
        share, people_share = float(passage.share(way)), passage.people_share(way)
    people = way.people if way.members else None
    return {
        "count": float(way.weight),
        "share": None if share is None else round(share, 6),
        "people": None if people is None else round(people),
        "people_share": None if people_share is None else round(float(people_share), 6),
        "stated": passage is None,
        "members": _members(way.members),
    }


def _members(members: Iterable[Member]) -> list[dict]:
    return [{"code": m.code, "name": m.name, "is_itself": m.is_itself} for m in members]


# --- Reading it again ---------------------------------------------------------------------------


def ways(evidence: list[dict]) -> dict[tuple[str, str], dict]:
    """(predecessor code, successor code) → what went that way."""
    return {(entry["code"], went["code"]): went for entry in evidence for went in entry["went"]}


def codes(evidence: list[dict]) -> set[str]:
    """Every code that an event of it would name."""
    members = {m["code"] for went in ways(evidence).values() for m in went["members"]}
    return members | {code for pair in ways(evidence) for code in pair}


def is_stated(evidence: list[dict]) -> bool:
    """Whether a report states any of it."""
    return any(went["stated"] for went in ways(evidence).values())


def merged(old: list[dict], new: list[dict]) -> list[dict]:
    """The new evidence, with what a report stated before; members seen outweigh none seen."""
    before = ways(old)
    entries = {entry["code"]: entry for entry in new}
    for entry in old:
        mine = entries.get(entry["code"])
        stated = [went for went in entry["went"] if went["stated"]]
        if mine is None:
            if stated:
                entries[entry["code"]] = {**entry, "went": stated}
            continue
        if mine["how"] == "stated" and entry["how"] != "stated":
            said = {went["code"] for went in mine["went"]}
            seen = {went["code"] for went in entry["went"]}
            mine = entries[entry["code"]] = {
                **entry,
                "went": [{**w, "stated": w["stated"] or w["code"] in said} for w in entry["went"]]
                + [went for went in mine["went"] if went["code"] not in seen],
            }
        for went in mine["went"]:
            went["stated"] |= before.get((entry["code"], went["code"]), went)["stated"]
    return list(entries.values())


def difference(old: list[dict], new: list[dict]) -> float:
    """How far two pieces of evidence differ: 1 where they name other bodies, else by how much
    the share of any differs."""
    before, after = ways(old), ways(new)
    if before.keys() != after.keys():
        return 1.0
    return max(
        (abs((before[pair]["share"] or 0) - (after[pair]["share"] or 0)) for pair in after),
        default=0.0,
    )


# --- In words -----------------------------------------------------------------------------------


def in_words(evidence: list[dict]) -> str:
    """What was seen, a sentence a predecessor."""
    return " ".join(_sentence(entry) for entry in evidence)


def _sentence(entry: dict) -> str:
    said = f"{entry['name']} ({entry['code']})"
    places = "; ".join(
        went["code"] if entry["how"] == "stated" else f"{amount(went)} to {went['code']}"
        for went in entry["went"]
    )
    if entry["how"] == "stated":
        return f"A report states that {said} was succeeded by {places}."
    return f"{said}: of {entry['total']:,} {entry['noun'][1]}, {places}."


def amount(went: dict) -> str:
    """How many members went one way, as people say it: "41", or "0.6" of one that was split."""
    whole = round(went["count"])
    return f"{whole:,}" if abs(went["count"] - whole) < 0.005 else f"{went['count']:.1f}"


def of_way(entry: dict, went: dict) -> str:
    """The note of a succession: what it rests on."""
    if entry["how"] == "stated":
        return "Stated by a report."
    return (
        f"Of {entry['total']:,} {entry['noun'][1]}, {amount(went)} sit there after; "
        f"{the_day(entry)}"
    )


def the_day(entry: dict) -> str:
    """What tells the day: "the day is told by its last day and …"."""
    day = entry["day"]
    if entry["how"] == "stated":
        return "the day is the report's."
    if day["told_by"]:
        told = " and ".join(TOLD_BY[by] for by in day["told_by"])
        return f"the day is told by {told}."
    arrived = day_in_full(date.fromisoformat(day["arrived_on"]))
    if day["seen_on"]:
        seen = day_in_full(date.fromisoformat(day["seen_on"]))
        return f"the day itself is not known: between {seen} and {arrived}."
    return f"the day itself is not known: first seen on {arrived}."


def in_percent(confidence) -> str:
    """A confidence as people read it; rounded down: 100% is all of it."""
    return f"{int(round(confidence * 100, 6))}%"
