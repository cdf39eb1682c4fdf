"""Whose shape is it? Features of a file against the register of the day."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import shapely

from ..models import Identifier, Kind, Organisation, Version
from ..names import short
from ..written import day_in_full, period
from .reading import Feature

GSS = re.compile(r"[A-Z]\d{8}")


@dataclass(frozen=True)
class Note:
    """Something odd about one feature, or why it is not placed; `number` 0 is the whole file."""

    number: int
    code: str
    text: str


@dataclass(frozen=True)
class Placed:
    """`shapes`: organisation → its shape; `ons_codes`: organisation → the ONS code in the file,
    where it gives one; `codes`: organisation → its code, of all that live.

    `unplaced` has a note for each feature that is nobody's shape, `odd` for each that is taken
    otherwise than it stands in the file, and one for the bodies that the file does not have.
    """

    shapes: dict[int, shapely.Geometry]
    ons_codes: dict[int, str]
    codes: dict[int, str]
    unplaced: list[Note]
    odd: list[Note]


def place(features: Iterable[Feature], kind: Kind, day: date) -> Placed:
    """Find the body of that kind on that day for each feature: by its code, by its ONS code of
    that day, and where its codes are nobody's on that day, by its name."""
    features = list(features)
    register = _Register(features, kind, day)
    taken, unplaced, odd = defaultdict(list), [], []
    for feature in features:
        found, why, told = register.body_of(feature)
        if feature.shape is None:
            why = feature.problem
        if found is None or why:
            unplaced.append(Note(feature.number, feature.label[:20], f"{feature.label}: {why}"))
            continue
        taken[found].append(feature)
        code = register.codes[found]
        odd += [Note(feature.number, code, f"{code}: {text}") for text in (*feature.told, *told)]
    shapes, ons_codes = {}, {}
    for body, given in taken.items():
        shapes[body] = shapely.union_all([feature.shape for feature in given])
        ons_codes[body] = next(
            (text for each in given for text in each.codes if GSS.fullmatch(text)), ""
        )
        if len(given) > 1:
            code, numbers = register.codes[body], ", ".join(str(each.number) for each in given)
            text = f"{code}: features {numbers} are all its shape: they are joined."
            odd.append(Note(given[-1].number, code, text))
    absent = sorted(code for body, code in register.codes.items() if body not in shapes)
    if absent:
        many = kind.plural if len(absent) > 1 else kind.name
        odd.append(
            Note(0, "", f"No shape for {len(absent)} {many} of that day: {', '.join(absent)}.")
        )
    return Placed(shapes, ons_codes, register.codes, unplaced, odd)


class _Register:
    """What the register says of the codes and names in a file; asked in four queries."""

    def __init__(self, features: list[Feature], kind: Kind, day: date):
        self.kind, self.day = kind, day
        asked = {code.upper() for feature in features for code in feature.codes}
        living = Version.objects.now().on(day).decided().filter(kind=kind)
        rows = list(living.values_list("organisation", "organisation__code", "name"))
        self.codes = {key: code for key, code, _ in rows}
        self.by_code = {code: key for key, code, _ in rows}
        self.by_name = defaultdict(set)
        for key, _, name in rows:
            self.by_name[plain(name)].add(key)
        self.others = set(
            Organisation.objects.with_codes(asked).values_list("code", flat=True)
        ) - set(self.by_code)
        self.by_identifier = defaultdict(list)
        for row in (
            Identifier.objects.now()
            .filter(value__in=asked, scheme=Identifier.Scheme.GSS)
            .select_related("organisation")
            .order_by("opened_on")
        ):
            self.by_identifier[row.value].append(row)

    def body_of(self, feature: Feature) -> tuple[int | None, str, list[str]]:
        """The key of the feature's body, else None with the reason; and what is odd about it."""
        codes = list(dict.fromkeys(code.upper() for code in feature.codes))
        found = {self.by_code[code] for code in codes if code in self.by_code}
        rows = [row for code in codes for row in self.by_identifier[code]]
        today = [row for row in rows if row.holds(self.day)]
        found |= {row.organisation_id for row in today if row.organisation_id in self.codes}
        if len(found) == 1:
            return found.pop(), "", []
        if found:
            several = ", ".join(sorted(self.codes[key] for key in found))
            return None, f"its codes are those of several bodies: {several}.", []
        day, kind = day_in_full(self.day), self.kind.name
        if today:
            row = today[0]
            what = f"{row.value} is {row.organisation.code}, which is no {kind} on {day}."
            return None, what, []
        if known := [code for code in codes if code in self.others]:
            return None, f"{known[0]} is no {kind} on {day}.", []
        named = {key for name in feature.names for key in self.by_name[plain(name)]}
        if rows:
            row = rows[-1]
            when = period(row.opened_on, row.closed_on)
            what = f"{row.value} is the ONS code of {row.organisation.code} {when}, not on {day}."
            # The register may have a code's first day from a later list than the file's.
            if named == {row.organisation_id}:
                return row.organisation_id, "", [f"placed by its name: {what}"]
            return None, what, []
        if len(named) == 1:
            told = "placed by its name: the register knows none of its codes."
            return named.pop(), "", [told]
        if named:
            return None, f"several {self.kind.plural} have that name.", []
        return None, f"the register has no {kind} of that code or name on {day}.", []


def plain(name: str) -> str:
    """A name as bodies of one kind are told apart by it: no case, no punctuation, no frame.

    The ONS writes "East of England" for the register's "NHS England East of England".
    """
    bare = short(name.strip())
    kept = "".join(letter if letter.isalnum() else " " for letter in bare).casefold()
    return " ".join(kept.removeprefix("england ").replace(" and ", " ").split())
