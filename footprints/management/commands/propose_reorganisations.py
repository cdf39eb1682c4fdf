"""Proposes reorganisations that nobody announced, or says how well that would have done."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from footprints.management.days import day
from footprints.proposing import Evaluation, evaluate
from footprints.services.proposals import propose
from footprints.written import day_in_short


class Command(BaseCommand):
    help = (
        "Propose reorganisations that nobody announced, from where the members of bodies went. "
        "With --withheld nothing is kept: the events recorded of these days are withheld, and "
        "what would have been proposed is compared with them."
    )

    def add_arguments(self, parser):
        parser.add_argument("--since", type=day, metavar="DAY", help="members that left from then")
        parser.add_argument("--until", type=day, metavar="DAY", help="to then, included")
        parser.add_argument(
            "--withheld", action="store_true", help="compare with what is recorded"
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, since, until, withheld, as_json, **options):
        if since and until and until < since:
            raise CommandError("--until lies before --since.")
        if withheld:
            found = evaluate(since=since, until=until)
            for line in [json.dumps(_figures(found))] if as_json else _lines(found):
                self.stdout.write(line)
            return
        proposals = propose(at=now(), since=since, until=until)
        if as_json:
            self.stdout.write(json.dumps([_proposal(proposal) for proposal in proposals]))
            return
        for proposal in proposals:
            self.stdout.write(
                f"{proposal.confidence:6.1%}  {day_in_short(proposal.effective_on):>11}  "
                f"{proposal.title}"
            )
        if not proposals:
            self.stdout.write("Nothing is suggested that the register does not record.")


def _proposal(proposal) -> dict:
    return {
        "slug": proposal.slug,
        "kind": proposal.kind,
        "title": proposal.title,
        "on": proposal.effective_on.isoformat(),
        "confidence": float(proposal.confidence),
        "evidence": proposal.evidence,
    }


def _figures(found: Evaluation) -> dict:
    return {
        "pairs": {
            "suggested": len(found.pairs),
            "recorded": len(found.recorded),
            "precision": found.precision,
            "recall": found.recall,
        },
        "events": {
            "suggested": len(found.events_right) + len(found.events_wrong),
            "recorded": len(found.events_right) + len(found.events_missed),
            "precision": found.event_precision,
            "recall": found.event_recall,
        },
        "wrong": found.wrong,
        "missed": found.missed,
        "misdated": [
            {"pair": pair, "suggested": ours.isoformat(), "recorded": theirs.isoformat()}
            for pair, ours, theirs in found.misdated
        ],
        "events_wrong": found.events_wrong,
        "events_missed": found.events_missed,
    }


def _lines(found: Evaluation):
    right = len(found.pairs) - len(found.wrong)
    recovered = len(found.recorded) - len(found.missed)
    events = len(found.events_right)
    yield (
        f"{right:,} of {len(found.pairs):,} suggested successions are recorded: "
        f"precision {_part(found.precision)}"
    )
    yield (
        f"{recovered:,} of {len(found.recorded):,} recorded ones are suggested: "
        f"recall {_part(found.recall)}"
    )
    yield (
        f"{events:,} of {events + len(found.events_wrong):,} suggested events are recorded so, "
        f"of {events + len(found.events_missed):,} that are recorded: "
        f"precision {_part(found.event_precision)}, recall {_part(found.event_recall)}"
    )
    for old, new in found.wrong:
        yield f"Wrong: {old} → {new}"
    for old, new in found.missed:
        yield f"Missed: {old} → {new}"
    for (old, new), ours, theirs in found.misdated:
        yield (
            f"Another day: {old} → {new}, suggested for {day_in_short(ours)}, "
            f"recorded on {day_in_short(theirs)}"
        )
    for title in found.events_wrong:
        yield f"Not recorded so: {title}"
    for title in found.events_missed:
        yield f"Not found so: {title}"


def _part(value: float | None) -> str:
    """A part as a percentage; rounded down, so that 100% is all of them."""
    return "–" if value is None else f"{int(value * 100)}%"
