"""A plan's map by an amount: each unit in one of five classes, light for little, dark for much.

The classes hold about as many units each, and begin and end at amounts that there are: so nobody
has to ask to which of two a unit belongs, and one giant does not leave all others in one shade.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from footprints.models import Population
from footprints.written import EN_DASH

from ..measures.reading import written
from ..measures.rolling_up import roll_up
from ..models import Measure
from .outlines import Outlines
from .pictures import Picture
from .reading import PlanOnDay

MOST = 5  # classes measure-1 to measure-5 of plans.css
UNKNOWN = "land"  # the class of a unit without a figure

Amount = int | Decimal


@dataclass(frozen=True)
class Shade:
    """One class of amounts, both ends within it, and the number of units in it."""

    fill: str
    low: Amount
    high: Amount
    units: int

    @property
    def says(self) -> str:
        """ "12,000 – 45,300", or the one amount of all its units."""
        low, high = brief(self.low), brief(self.high)
        return low if low == high else f"{low} {EN_DASH} {high}"


@dataclass(frozen=True)
class Shading:
    """What the legend says: what is counted, in what, the classes, and who has no figure."""

    label: str
    unit: str
    shades: list[Shade]
    unknown: int
    source: str = ""


def people_of(on_day: PlanOnDay, units: Mapping[int, str]) -> dict[str, int]:
    """Code → people on the unit's boundary of the day, of those with a figure; one query."""
    figures = Population.objects.known(on_day.known).filter(organisation__in=list(units))
    found = figures.on(on_day.day).values_list("organisation", "people")
    return {units[key]: people for key, people in found}


def amounts_of(
    measure: Measure, on_day: PlanOnDay, units: Mapping[int, str]
) -> dict[str, Decimal]:
    """Code → what of the measure's figures comes to the unit on the day."""
    found = roll_up(measure, units, on_day.day, on_day.known).amounts
    return {units[key]: amount for key, amount in found.items()}


def shades_of(amounts: Mapping[str, Amount]) -> list[Shade]:
    """At most five classes of about as many units each; equal amounts are never parted."""
    values = sorted(amounts.values())
    ends = (-(-len(values) * part // MOST) for part in range(1, MOST + 1))
    cuts = sorted({values[end - 1] for end in ends}) if values else []
    classes, at = [], 0
    for cut in cuts:
        inside = [value for value in values[at:] if value <= cut]
        classes.append(inside)
        at += len(inside)
    # Fewer classes than five are spread over the ramp: two are the lightest and the darkest.
    step = (MOST - 1) / max(len(classes) - 1, 1)
    return [
        Shade(f"measure-{round(1 + place * step)}", inside[0], inside[-1], len(inside))
        for place, inside in enumerate(classes)
    ]


def shaded(
    picture: Picture | Outlines, amounts: Mapping[str, Amount], *, label: str, **told
) -> tuple[Picture | Outlines, Shading]:
    """The picture with each unit in the fill of its amount, which its title says, and the legend.

    `told` are the unit and the source of the shading.
    """
    codes = {square.code for square in picture.squares}
    there = {code: amount for code, amount in amounts.items() if code in codes}
    shades = shades_of(there)

    def fill(code):
        if code not in there:
            return UNKNOWN
        return next(shade.fill for shade in shades if there[code] <= shade.high)

    unit = told.get("unit", "")
    squares = [
        replace(
            square,
            fill=fill(square.code),
            says=f"{label}: {brief(there[square.code])}{unit and ' ' + unit}"
            if square.code in there
            else f"{label}: no figure",
        )
        for square in picture.squares
    ]
    legend = Shading(
        label, shades=shades, unknown=len(squares) - len(there), **{"unit": "", **told}
    )
    return replace(picture, squares=squares), legend


def brief(amount: Amount) -> str:
    """An amount as a legend has room for it: whole where it is large, else to two places."""
    return f"{amount:,.0f}" if abs(amount) >= 100 else written(round(Decimal(amount), 2))


__all__ = ["Shade", "Shading", "amounts_of", "brief", "people_of", "shaded", "shades_of"]
