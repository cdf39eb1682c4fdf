"""What each unit of a workspace weighs, so that the browser adds up at each gesture.

It comes after the workspace can be worked in: what is drawn does not wait for it. The sums are
those of `territories.balance`, and disruption that of `comparing`; nothing is judged anew here.
"""

from datetime import date

from ..measures.uploading import measures_of
from ..models import TerritoryPlan, User
from ..territories.balance import PRACTICES, UNITS, weigh
from ..territories.reading import PlanOnDay
from .beside import beside

MOST = 12  # measures, by name: each is a number a unit


def weights_of(plan: TerritoryPlan, day: date, kinds, user: User) -> dict:
    """What the browser adds up, ready for JSON; `kinds` as in `state_of`.

    `units` are the keys of what is weighed: what the plan holds and what nobody has. A column's
    `amounts` follow them, None where each unit is one; `is_credit` says that of a unit that
    territories share each has its part, and `days` how many working days a year one asks for.
    `shares` are (territory, unit, part); `held_besides` is (unit, territory) of what the plan
    holds in another role than its own, which is not drawn and is counted all the same.
    """
    revision = TerritoryPlan.objects.values_list("revision", flat=True).get(pk=plan.pk)
    on_day = PlanOnDay(plan, user, day)
    on_day.asked_kinds = kinds
    units = sorted(on_day.shown)
    weights = weigh(on_day, measures_of(user)[:MOST], units=units)
    return {
        "revision": revision,
        "units": units,
        "columns": [
            {
                "key": column.key,
                "label": column.label,
                "unit": column.unit,
                "is_credit": column.is_credit,
                "days": float((column.measure and column.measure.days_each) or 0),
                "amounts": None
                if column.key == UNITS
                else [_plain(column.amounts.get(unit, 0)) for unit in units],
            }
            for column in weights.columns
            if column.key != PRACTICES or _is_worth_showing(column.amounts)
        ],
        "shares": [
            (territory, unit, float(share)) for (territory, unit), share in weights.shares.items()
        ],
        "leads": weights.leads,
        "held_besides": [(unit, territory.pk) for unit, territory in on_day.held_besides.items()],
        "beside": beside(plan, day, units, user),
    }


def _is_worth_showing(practices) -> bool:
    """Whether the practices of units are another number than the units themselves."""
    return any(number != 1 for number in practices.values())


def _plain(amount) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


__all__ = ["weights_of"]
