"""What a scenario rests on: the day and the parties of its event, as they were and as they are."""

from collections.abc import Iterable
from datetime import date

from footprints.models import Move, Organisation, Reorganisation, Succession
from footprints.names import listed
from footprints.written import day_in_full
from footprints.written import share as in_words

from ..models import Scenario


def snapshot(event: Reorganisation) -> dict:
    """The event's day, state and parties as plain values; two queries."""
    return snapshots([event])[event.pk]


def snapshots(events: Iterable[Reorganisation]) -> dict[int, dict]:
    """The same of many events, by key; two queries."""
    found = {
        event.pk: {
            "effective_on": event.effective_on.isoformat(),
            "state": event.state,
            "parties": [],
            "moves": [],
        }
        for event in events
    }
    successions = Succession.objects.now().filter(
        reorganisation__in=found, passes=Succession.Passes.AREA
    )
    for event, old, new, share, becomes in successions.order_by(
        "predecessor__code", "successor__code"
    ).values_list("reorganisation", "predecessor__code", "successor__code", "share", "becomes"):
        share = None if share is None else f"{share.normalize():f}"
        found[event]["parties"].append([old, new, share, becomes])
    moves = Move.objects.now().filter(reorganisation__in=found)
    for event, *move in moves.order_by("child__code", "to_parent__code").values_list(
        "reorganisation", "child__code", "from_parent__code", "to_parent__code"
    ):
        found[event]["moves"].append(list(move))
    return found


def moved(scenario: Scenario, current: dict | None = None) -> list[str]:
    """What of the event is no longer as the scenario supposes, in words; empty where all is.

    ``current`` is the event's snapshot now, where it is at hand.
    """
    event, was = scenario.event, scenario.rests_on
    is_now = current or snapshot(event)
    said = []
    if event.state in Reorganisation.State.dropped():
        step = event.steps.filter(state=event.state).last()
        reason = f": {step.reason}" if step and step.reason else ""
        said.append(f"The event is {event.get_state_display().lower()}{reason}")
    if was["effective_on"] != is_now["effective_on"]:
        before, after = (
            day_in_full(date.fromisoformat(each["effective_on"])) for each in (was, is_now)
        )
        said.append(f"The day moved from {before} to {after}.")
    said += _parties(was["parties"], is_now["parties"])
    said += _moves(was["moves"], is_now["moves"])
    return said


def _parties(was: list, is_now: list) -> list[str]:
    before = {(old, new): (share, becomes) for old, new, share, becomes in was}
    after = {(old, new): (share, becomes) for old, new, share, becomes in is_now}
    said = [f"{_way(*pair)} is no longer part of it." for pair in before if pair not in after]
    said += [f"{_way(*pair)} is new." for pair in after if pair not in before]
    for pair in before.keys() & after.keys():
        if before[pair] != after[pair]:
            old, new = (in_words(each[0]) for each in (before[pair], after[pair]))
            said.append(f"{_way(*pair)}: {old} before, {new} now.")
    return said


def _moves(was: list, is_now: list) -> list[str]:
    before, after = ({(child, new): old for child, old, new in each} for each in (was, is_now))
    said = []
    gone = sorted(child for child, _ in before.keys() - after.keys())
    new = sorted(child for child, _ in after.keys() - before.keys())
    if gone:
        said.append(f"{_some(gone)} no longer move with it as before.")
    if new:
        said.append(f"{_some(new)} move otherwise, or are new.")
    return said


def _some(codes: list[str]) -> str:
    shown = codes[:5]
    rest = f" and {len(codes) - len(shown)} more" if len(codes) > len(shown) else ""
    return f"{', '.join(shown)}{rest}" if rest else listed(shown)


def _way(old: str, new: str | None) -> str:
    return f"{old} → {new}" if new else f"{old}, which closes,"


def closing(event: Reorganisation) -> set[int]:
    """The bodies that the event ends, as it stands now."""
    rows = Succession.objects.now().filter(
        reorganisation=event, passes=Succession.Passes.AREA, becomes=None
    )
    return set(rows.values_list("predecessor", flat=True))


def opening(event: Reorganisation) -> set[int]:
    """The bodies, not there yet, that it would open."""
    made = Organisation.objects.filter(is_provisional=True)
    rows = Succession.objects.now().filter(reorganisation=event, successor__in=made)
    return set(rows.values_list("successor", flat=True))
