"""Deciding, preparing and approving a sheet: each deed one transaction, on the sheet's own row."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q
from django.utils.timezone import now

from footprints.models import Outcome
from footprints.names import count
from footprints.written import day_in_full

from ..models import CoverageRole, Decision, Flag, Sheet, Team, Territory, User
from .history import Deed, record
from .planning import Planned, Row, differences, in_words, planned

log = logging.getLogger(__name__)

NAMED = 20  # rows named in the history of one deed


class SheetError(Exception):
    """A deed that a sheet cannot take, in the reader's words."""


class Undecidable(SheetError):
    """A choice that the row cannot take."""


class Stale(SheetError):
    """Somebody was there first: the page that was answered showed an older state."""


class Undecided(SheetError):
    """Rows that need a person's word before the sheet can be prepared."""


class SamePerson(SheetError):
    """Whoever prepared a sheet does not approve it."""


class Moved(SheetError):
    """The changes are no longer those that were shown; ``gone`` and ``new`` are listed changes."""

    def __init__(self, before: list[list], current: Planned):
        self.gone, self.new = differences(before, current.listing)
        super().__init__(
            f"The plan or the event has moved since: {count(len(self.gone), 'change', 'changes')} "
            f"no longer {'applies' if len(self.gone) == 1 else 'apply'}, {len(self.new)} "
            f"{'is' if len(self.new) == 1 else 'are'} new."
        )


@dataclass(frozen=True)
class Choice:
    """What somebody says about one row; an empty outcome is the default."""

    body: int
    role: str
    outcome: str = ""
    territory: Territory | None = None
    until_on: date | None = None
    reason: str = ""
    assigned_to: User | None = None
    lead: Territory | None = None


def colleagues(plan: int):
    """Whom a row of the plan may be asked of: those who work its sheets, and may see it."""
    found = User.objects.filter(role__in=User.Role.planning(), is_active=True)
    walled = Team.objects.filter(plans=plan, is_walled=True)
    found = found.filter(~Exists(walled) | Q(team__in=walled))
    return found.order_by("first_name", "last_name", "username")


def sheet_of(flag: Flag) -> Sheet:
    """The flag's sheet; an unsaved one, all defaults, where nobody has touched it."""
    found = Sheet.objects.filter(flag=flag)
    found = found.select_related(
        "flag__reorganisation", "prepared_by", "approved_by", "applied_by", "undone_by"
    )
    return found.defer("changes").first() or Sheet(flag=flag)


def locked(flag: Flag) -> Sheet:
    """The flag's sheet, made where there is none, locked until the transaction ends."""
    Sheet.objects.bulk_create([Sheet(flag=flag)], ignore_conflicts=True)
    return (
        Sheet.objects.select_related("flag__reorganisation")
        .select_for_update(of=["self"])
        .get(flag=flag)
    )


@transaction.atomic
def decide(
    flag: Flag, choices: Iterable[Choice], *, by: User, seen_at: datetime | bool | None = False
) -> int:
    """Store what departs from the defaults, and drop what no longer does; return how many rows.

    ``seen_at`` is when the decision that the person saw was made (None: there was none; False: it
    does not matter, as for a choice over many rows). Raises Stale where another was made since, or
    where the sheet was prepared; Undecidable for a choice that a row cannot take, or that asks
    somebody who could not open the sheet.
    """
    sheet, choices = still_open(locked(flag)), list(choices)
    current = planned(sheet, bodies={choice.body for choice in choices}, with_lines=True)
    stored, dropped, says = [], [], []
    asked = {}
    for choice in choices:
        row = current.row(choice.body, choice.role)
        if row is None:
            raise Stale("The event no longer touches this row: open the sheet again.")
        made_at = row.decision and row.decision.at
        if seen_at is not False and made_at != seen_at:
            who = row.decision.by if row.decision else "Somebody"
            raise Stale(f"{who} decided on {row.body.code} meanwhile: look again, then decide.")
        if choice.assigned_to and choice.assigned_to != (
            row.decision and row.decision.assigned_to
        ):
            asked[choice.assigned_to.pk] = choice.assigned_to
        stored.append(_decision(sheet, row, choice, by))
        says.append(f"{row.body.code} {_in_short(row, stored[-1])}")
    _refuse_to_ask(asked, sheet)
    for decision in list(stored):
        if not (decision.outcome or decision.reason or decision.assigned_to or decision.lead):
            stored.remove(decision)
            dropped.append((decision.body_id, decision.role))
    for body, role in dropped:
        Decision.objects.filter(sheet=sheet, body=body, role=role).delete()
    Decision.objects.bulk_create(
        stored,
        update_conflicts=True,
        unique_fields=["sheet", "body", "role"],
        update_fields=[
            *("outcome", "territory", "until_on", "reason", "assigned_to", "lead", "by", "at")
        ],
    )
    log.info("Sheet %s: %d rows decided by %s", sheet.pk, len(stored) + len(dropped), by)
    if says:
        more = f"; and {len(says) - NAMED} more" if len(says) > NAMED else ""
        record(sheet, Deed.DECIDED, by=by, says="; ".join(says[:NAMED]) + more)
    return len(stored) + len(dropped)


def _refuse_to_ask(asked: dict[int, User], sheet: Sheet) -> None:
    """Raise Undecidable for somebody newly asked who works no sheet of the plan: the question
    would reach nobody. Whoever was asked before and may not see it now holds up no other deed."""
    may = set()
    if asked:
        may.update(
            colleagues(sheet.flag.object_id).filter(pk__in=asked).values_list("pk", flat=True)
        )
    for person in (asked[pk] for pk in sorted(asked.keys() - may)):
        raise Undecidable(f"{person} does not work sheets of this plan: ask somebody who plans.")


def _in_short(row: Row, decision: Decision) -> str:
    """What was decided on a row, for the history: "all to T07", "as by default"."""
    if decision.outcome == Outcome.CARRY and decision.territory:
        says = f"all to {decision.territory.code}"
    elif decision.outcome:
        says = decision.get_outcome_display().lower()
    else:
        says = f"as by default, {row.default_words.lower()}"
    if decision.until_on:
        says += f" until {day_in_full(decision.until_on)}"
    if decision.lead:
        says += f", {decision.lead.code} leads"
    if decision.assigned_to:
        says += f", asked of {decision.assigned_to}"
    return says


def _decision(sheet: Sheet, row: Row, choice: Choice, by: User) -> Decision:
    """The choice as it is stored; raises Undecidable."""
    outcome, territory = choice.outcome, choice.territory
    if outcome == Outcome.BRING_IN:
        outcome = Outcome.CARRY
    called = f"{row.body.name} ({row.body.code})"
    if outcome not in ("", Outcome.CARRY, Outcome.KEEP_THE_LINE, Outcome.HOLD, Outcome.CLOSE):
        raise Undecidable(f"{called} cannot be decided so.")
    if row.is_line and outcome not in ("", Outcome.HOLD, Outcome.CLOSE):
        raise Undecidable(f"{called} has no successor to go to: close it, or hold it.")
    if outcome == Outcome.CARRY:
        if territory is None and row.is_conflict:
            raise Undecidable(f"Say which territory takes the whole of {called}.")
        if territory and territory.plan_id != sheet.flag.object_id:
            raise Undecidable(f"{territory} is not of this plan.")
    if outcome == Outcome.KEEP_THE_LINE and not row.can_keep_the_line:
        raise Undecidable(f"The finer units of what comes into {called} are not known.")
    if outcome == Outcome.HOLD:
        if choice.until_on is None:
            raise Undecidable(f"Say until which day {called} is held.")
        if choice.until_on <= sheet.day:
            raise Undecidable(f"Hold {called} until a day after {day_in_full(sheet.day)}.")
    if choice.lead:
        if choice.lead.plan_id != sheet.flag.object_id:
            raise Undecidable(f"{choice.lead} is not of this plan.")
        if (outcome or row.default) != Outcome.KEEP_THE_LINE:
            raise Undecidable(f"{called} goes to nobody's lead: its line is not kept.")
        if row.role != CoverageRole.OWNER:
            raise Undecidable(f"Who leads on {called} is said in its owner's row.")
    is_default = outcome in ("", row.default) and outcome != Outcome.HOLD
    if is_default and not (territory and [territory] != row.territories):
        outcome, territory = "", None
    return Decision(
        sheet=sheet,
        body_id=row.body.key,
        role=row.role,
        outcome=outcome,
        territory=territory if outcome == Outcome.CARRY else None,
        lead=choice.lead,
        until_on=choice.until_on if outcome == Outcome.HOLD else None,
        reason=choice.reason.strip(),
        assigned_to=choice.assigned_to,
        by=by,
        at=now(),
    )


@transaction.atomic
def set_days(
    flag: Flag,
    *,
    align_on: date | None,
    data_on: date | None,
    credit_on: date | None,
    by: User,
) -> None:
    """Say the sheet's own days; an empty one follows the team's calendar.

    Raises Undecidable for a day before the legal one, or our day within a freeze of the team, or
    after a day until which a row is held.
    """
    sheet = still_open(locked(flag))
    refuse_days(sheet, align_on=align_on, data_on=data_on)
    by_default = sheet.default_days
    sheet.align_on = None if align_on == by_default.ours.on else align_on
    sheet.data_on = None if data_on == by_default.data.on else data_on
    sheet.credit_on = None
    if sheet.decisions.filter(until_on__lte=sheet.day).exists():
        raise Undecidable("A row is held until a day that is not after this one: change it first.")
    if credit_on != sheet.counts_from:
        sheet.credit_on = credit_on
    sheet.save(update_fields=["align_on", "data_on", "credit_on"])
    log.info("Sheet %s: our day is %s, by %s", sheet.pk, sheet.day, by)
    days = sheet.days
    named = (("our day", days.ours), ("first data", days.data), ("credit", days.credit))
    says = [f"{name} {day_in_full(said.on)}" for name, said in named if said.on]
    record(sheet, Deed.DATED, by=by, says=", ".join(says))


def refuse_days(sheet: Sheet, *, align_on: date | None, data_on: date | None) -> None:
    """Raise Undecidable for a day that the sheet cannot have."""
    legal = sheet.flag.reorganisation.effective_on
    if align_on and align_on < legal:
        raise Undecidable(f"Our day cannot lie before the legal day, {day_in_full(legal)}.")
    if data_on and data_on < legal:
        raise Undecidable(
            f"Data on the new codes cannot come before the legal day, {day_in_full(legal)}."
        )
    if align_on and (freeze := sheet.team.frozen(align_on)):
        raise Undecidable(
            f"On {day_in_full(align_on)} nothing of the {sheet.team.called} "
            f"changes{freeze.because}. {day_in_full(sheet.team.thawed(align_on)[0])} is free."
        )


@transaction.atomic
def prepare(flag: Flag, *, by: User, seen: str) -> Sheet:
    """Put the sheet up for approval, on the changes whose fingerprint the person saw.

    Raises Undecided where a row needs a person's word, Stale where the changes are others by now.
    """
    sheet = still_open(locked(flag))
    current = planned(sheet)
    refuse_unready(current)
    if seen != current.fingerprint:
        raise Stale("The changes are not those that your page showed: look again, then prepare.")
    put_up(current, by=by, at=now())
    sheet.save()
    record(sheet, Deed.PREPARED, by=by, says=in_words(current))
    log.info("Sheet %s prepared by %s: %s", sheet.pk, by, sheet.fingerprint)
    return sheet


def refuse_unready(current: Planned) -> None:
    """Raise Undecided where a row needs a person's word, SheetError where nothing would change."""
    if current.undecided:
        named = ", ".join(row.body.code for row in current.undecided[:10])
        raise Undecided(f"Still to be decided: {named}.")
    if not (current.closings or current.openings or current.held):
        raise SheetError("There is nothing to change: the event does not touch this plan now.")


def put_up(current: Planned, *, by: User, at: datetime) -> None:
    """Bind the sheet to these changes, for approval; the caller saves it."""
    sheet = current.sheet
    sheet.prepared_by, sheet.prepared_at = by, at
    sheet.fingerprint, sheet.changes = current.fingerprint, current.listing
    sheet.is_four_eyed = settings.FOUR_EYES


@transaction.atomic
def approve(flag: Flag, *, by: User, seen: str | None = None) -> Sheet:
    """Approve the sheet as it was prepared.

    ``seen`` is the fingerprint that the approver's page showed; None: it does not matter. Raises
    SamePerson for the one who prepared it, Stale where it was prepared anew since that page,
    Moved where the changes are others by now.
    """
    sheet = locked(flag)
    refuse_approval(sheet, by=by)
    if seen is not None and seen != sheet.fingerprint:
        raise Stale("It was prepared anew since your page was made: look again, then approve.")
    current = check(sheet)
    sheet.approved_by, sheet.approved_at = by, now()
    sheet.save(update_fields=["approved_by", "approved_at"])
    record(sheet, Deed.APPROVED, by=by, says=in_words(current))
    log.info("Sheet %s approved by %s: %s", sheet.pk, by, sheet.fingerprint)
    return sheet


def refuse_approval(sheet: Sheet, *, by: User) -> None:
    """Raise Stale where the sheet is not prepared, SamePerson for the one who prepared it."""
    if sheet.state != "prepared":
        raise Stale(_standing(sheet))
    if sheet.is_four_eyed and sheet.prepared_by_id == by.pk:
        raise SamePerson("You prepared this sheet: a colleague approves it.")


def check(sheet: Sheet) -> Planned:
    """The sheet's changes as they stand; raises Moved where they are not those prepared."""
    current = planned(sheet)
    if current.fingerprint != sheet.fingerprint:
        raise Moved(sheet.changes, current)
    return current


@transaction.atomic
def take_back(flag: Flag, *, by: User) -> bool:
    """Let the sheet be decided on again: what was prepared or approved no longer is."""
    sheet = locked(flag)
    if sheet.state == "applied":
        raise Stale("The sheet is applied: undo it to decide again.")
    if sheet.state == "deciding":
        return False
    record(sheet, Deed.TAKEN_BACK, by=by)
    clear(sheet)
    sheet.save()
    log.info("Sheet %s taken back by %s", sheet.pk, by)
    return True


# What a sheet is that is being decided on.
CLEARED = {
    f"{deed}_{what}": None for deed in ("prepared", "approved", "applied") for what in ("by", "at")
}
CLEARED |= {"fingerprint": "", "changes": []}


def clear(sheet: Sheet) -> None:
    """Make it a sheet that is being decided on; the caller saves it."""
    for name, value in CLEARED.items():
        setattr(sheet, name, value)


def still_open(sheet: Sheet) -> Sheet:
    """The sheet itself; raises Stale where it is prepared, approved or applied by now."""
    if sheet.state != "deciding":
        raise Stale(_standing(sheet))
    return sheet


def _standing(sheet: Sheet) -> str:
    """What the sheet is, for somebody whose page showed something else."""
    if sheet.state == "deciding":
        return "The sheet is not prepared, or was taken back: it is being decided on."
    if sheet.state == "applied":
        return "The sheet is applied already: undo it to decide again."
    who = sheet.approved_by or sheet.prepared_by
    return f"The sheet is {sheet.state} by {who}: take it back to change it."
