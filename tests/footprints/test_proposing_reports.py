"""From the files themselves: reports as published are applied, and what they tell is proposed.

Each report proposes by itself once it is applied. The bundled facts record every merger of CCGs;
three files of practices tell of boundaries that moved, which no source of the bundle records.
"""

from datetime import date

from footprints.models import Proposal, Release
from footprints.proposing import evaluate, evidence
from footprints.services.receiving import apply_report, receive_report

TRANSFERS = {
    # The west of Birmingham, and Glossop, changed systems on the day that the ICBs began.
    ("D2P2L", "15E"): (25, date(2022, 7, 1)),
    ("01Y", "15M"): (6, date(2022, 7, 1)),
    ("03Q", "42D"): (14, date(2024, 4, 1)),
    ("7A3", "7A5"): (13, date(2025, 5, 17)),  # Bridgend: as ODS dates it
}


def test_real_reports_tell_every_merger_and_propose_what_nobody_announced(register, shared):
    apply(shared, "epraccur_2019-12.csv")
    assert not Proposal.objects.exists()

    apply(shared, "gp-reg-pat-prac-map_2022-01.csv")
    assert not Proposal.objects.exists()  # whatever it shows is recorded
    of_two_years(evaluate(since=date(2019, 11, 1), until=date(2022, 1, 1)))

    told_by = apply(shared, "epraccur_2025-11.csv")
    of_two_years(evaluate(since=date(2019, 11, 1), until=date(2022, 1, 1)))
    assert {
        pair: (went["count"], proposal.effective_on)
        for proposal in Proposal.objects.all()
        for pair, went in evidence.ways(proposal.evidence).items()
    } == TRANSFERS
    assert set(Proposal.objects.values_list("kind", "release")) == {
        ("transfer_of_members", told_by.pk)
    }


def of_two_years(found):
    assert (found.precision, found.recall, found.misdated) == (1, 1, [])
    assert (found.event_precision, found.event_recall) == (1, 1)
    assert (len(found.recorded), len(found.events_right)) == (112, 27)


def apply(shared, name) -> Release:
    with (shared / "ods" / name).open("rb") as file:
        return apply_report(receive_report(file, name=name, via="command"))
