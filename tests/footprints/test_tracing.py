"""Where a body's area went: day by day, transitively, with shares."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from footprints.models import Organisation, Reorganisation, Succession
from footprints.tracing import UnknownCode, trace, trace_all
from tests import factories as make

TODAY = date(2026, 11, 21)
DAYS = [
    date(2013, 4, 1),
    date(2015, 4, 1),
    date(2018, 6, 7),
    date(2020, 3, 31),
    date(2020, 4, 1),
    date(2022, 7, 1),
    date(2026, 4, 1),
    TODAY,
    date(2027, 4, 1),
]

# Splits of which no source gives the shares.
UNKNOWN = {"RW6", "QM7", "QJG"}


def places(code, day=TODAY, **options):
    return {place.code: place.share for place in trace(code, day, **options)}


def test_kent_and_medway_is_still_itself_as_a_sub_icb_location(register):
    (place,) = trace("91Q", TODAY)

    assert (place.code, place.kind, place.share) == ("91Q", "sub_icb", 1)
    assert place.from_day == date(2020, 4, 1)
    assert place.event is None


def test_a_ccg_that_merged_is_found_in_its_successor(register):
    (place,) = trace("09C", TODAY)

    assert (place.code, place.kind, place.share) == ("91Q", "sub_icb", 1)
    assert place.from_day == date(2020, 4, 1)
    assert place.event == "Kent and Medway CCG: eight CCGs merge"


def test_the_day_before_and_the_day(register):
    assert places("09C", date(2020, 3, 31)) == {"09C": 1}
    assert places("09C", date(2020, 4, 1)) == {"91Q": 1}


def test_frimley_went_three_ways_and_nothing_was_lost(register):
    ways = places("QNQ")

    assert ways == {
        "S0E4D": Decimal("0.588619"),
        "QRL": Decimal("0.229339"),
        "S9B9J": Decimal("0.182042"),
    }
    assert sum(ways.values()) == 1
    assert [place.code for place in trace("QNQ", TODAY)] == list(ways)  # most of it first


def test_a_path_over_two_events_multiplies_its_shares(register):
    """Three Berkshire CCGs became Frimley CCG in 2021, which was split in 2026."""
    assert places("15D") == places("D4U1Y")
    assert sum(places("15D").values()) == 1


def test_a_split_whose_shares_are_not_known_says_so(register):
    assert places("RW6") == {"R0A": None, "RM3": None}


def test_a_trust_that_was_succeeded_twice_is_followed_to_the_end(register):
    """Barnet and Chase Farm joined the Royal Free in 2014 on the day after its last day."""
    assert places("RVL", date(2014, 7, 1)) == {"RVL": 1}
    assert places("RVL", date(2014, 7, 2)) == {"RAL": 1}
    assert places("RRP") == {"G6V2S": 1}


def test_a_closure_ends_in_no_place(register):
    """Dudley Integrated Health and Care closed on 1 October 2024; its services were shared out."""
    assert trace("RYK", date(2024, 10, 1)) == []
    assert places("RYK", date(2024, 9, 30)) == {"RYK": 1}


def test_a_body_that_does_not_live_yet_has_no_place(register):
    assert trace("S0E4D", date(2026, 3, 31)) == []


def test_what_is_not_decided_moves_nothing(register):
    assert places("QHL", date(2027, 4, 1)) == {"QHL": 1}


def test_functions_that_pass_do_not_take_the_area_along(register):
    """On 1 July 2022 the CCG's area stayed on its code; its functions went to the ICB."""
    passed = Succession.objects.get(predecessor__code="91Q", passes="functions")
    assert passed.successor.code == "QKS"

    assert places("91Q", date(2022, 7, 1)) == {"91Q": 1}


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_of_every_code_the_shares_sum_to_one(register, day):
    codes = list(Organisation.objects.values_list("code", flat=True))
    closures = set(
        Succession.objects.filter(
            successor=None, reorganisation__effective_on__lte=day
        ).values_list("predecessor__code", flat=True)
    )
    traced = trace_all(codes, day)
    assert set(traced) == set(codes)

    lives = set(Organisation.objects.of_kind(day).values_list("code", flat=True))
    for code, found in traced.items():
        shares = [place.share for place in found]
        assert {place.code for place in found} <= lives
        if None in shares:
            assert code in UNKNOWN
        elif found:
            assert sum(shares) == 1, code
        else:
            # Nobody holds it: it closed for good, it is still to open, or it is an odd one.
            assert code not in lives, code
    assert not closures & {code for code, found in traced.items() if found}


def test_every_ccg_that_ever_was_is_held_by_somebody_today(register):
    ccgs = Organisation.objects.of_kind(date(2013, 4, 1), kind="ccg").values_list(
        "code", flat=True
    )
    traced = trace_all(ccgs, TODAY)

    assert len(traced) == 211
    assert {place.kind for found in traced.values() for place in found} == {"sub_icb"}
    assert all(sum(place.share for place in found) == 1 for found in traced.values())


def test_tracing_many_asks_the_database_the_same_as_tracing_one(
    register, django_assert_num_queries
):
    codes = list(Organisation.objects.values_list("code", flat=True))
    for asked in (["91Q"], codes):
        with django_assert_num_queries(3):
            trace_all(asked, TODAY)


def test_a_code_that_is_none_is_refused(register):
    with pytest.raises(UnknownCode, match="X1X1X is not in the register"):
        trace("X1X1X", TODAY)


# --- Made-up events: what the real ones do not show ---------------------------------------------


class Story:
    """Bodies by letter that live from 2013 on, and events between them on days of 2020."""

    def __init__(self):
        self.bodies = {}

    def body(self, letter):
        if letter not in self.bodies:
            self.bodies[letter] = make.body(f"ZZ-{letter}")
        return self.bodies[letter]

    def passes(self, day, old, **shares):
        event = make.reorganisation(effective_on=date(2020, 1, day), title=f"{old} on {day}")
        for new, share in shares.items():
            make.succession(
                reorganisation=event,
                predecessor=self.body(old),
                successor=None if new == "nobody" else self.body(new),
                share=share,
            )
        return event

    def trace(self, letter, day=31, **options):
        code = self.body(letter).code
        found = trace(code, date(2020, 1, day), **options)
        return {place.code.removeprefix("ZZ-"): place.share for place in found}


@pytest.fixture
def story(empty_register):
    return Story()


def test_paths_that_end_in_one_place_are_added(story):
    story.passes(2, "A", B="0.5", C="0.3", D="0.2")
    story.passes(3, "B", C=1)

    assert story.trace("A") == {"C": Decimal("0.8"), "D": Decimal("0.2")}
    assert story.trace("A", 2) == {"B": Decimal("0.5"), "C": Decimal("0.3"), "D": Decimal("0.2")}


def test_paths_of_which_one_is_not_known_add_up_to_something_not_known(story):
    story.passes(2, "A", B=None, C="0.3")
    story.passes(3, "B", C=1)

    assert story.trace("A") == {"C": None}


def test_an_unknown_share_is_unknown_after_a_known_one(story):
    story.passes(2, "A", B="0.5", C="0.5")
    story.passes(3, "B", D=None, E=None)

    assert story.trace("A") == {"C": Decimal("0.5"), "D": None, "E": None}


def test_events_of_one_day_are_followed_one_after_the_other(story):
    story.passes(2, "A", B=1)
    story.passes(2, "B", C=1)

    assert story.trace("A", 2) == {"C": 1}


def test_what_a_body_passed_on_before_it_received_is_not_counted(story):
    """B gave half away before A joined it: what came from A stays."""
    story.passes(2, "B", B2="0.5", C="0.5")
    story.passes(3, "A", B2=1)

    assert story.trace("A") == {"B2": 1}
    assert story.trace("B") == {"B2": Decimal("0.5"), "C": Decimal("0.5")}


def test_a_circle_ends(story):
    story.passes(2, "A", B=1)
    story.passes(3, "B", A=1)

    assert story.trace("A") == {"A": 1}
    assert story.trace("A", 2) == {"B": 1}


def test_a_circle_within_a_day_ends(story):
    story.passes(2, "A", B=1)
    story.passes(2, "B", A=1)

    assert story.trace("A") == {"A": 1}


@pytest.mark.parametrize("state", Reorganisation.State.values)
def test_only_what_is_decided_is_followed(story, state):
    event = story.passes(2, "A", B=1)
    Reorganisation.objects.filter(pk=event.pk).update(state=state)

    decided = state in ("in_law", "effective")
    assert story.trace("A") == ({"B": 1} if decided else {"A": 1})


def test_tracing_as_known_at_an_earlier_release(story):
    event = story.passes(2, "A", B=1)
    succession = event.successions.get()
    before = succession.asserted_by_id - 1
    correction = make.release()
    Succession.objects.filter(pk=succession.pk).update(retracted_by=correction)
    make.succession(
        reorganisation=event,
        predecessor=story.body("A"),
        successor=story.body("C"),
        share=1,
        asserted_by=correction,
    )
    now = make.release().pk

    assert story.trace("A") == {"C": 1}
    assert story.trace("A", known=now) == {"C": 1}
    assert story.trace("A", known=correction.pk - 1) == {"B": 1}
    assert story.trace("A", known=before) == {"A": 1}


# --- The command --------------------------------------------------------------------------------


def printed(*args) -> str:
    out = StringIO()
    call_command("trace", *args, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_list_of_places(register):
    said = json.loads(printed("QNQ", "--on", "2026-11-21", "--json"))

    assert said[0] == {
        "code": "S0E4D",
        "name": "NHS Thames Valley Integrated Care Board",
        "kind": "icb",
        "from": "2026-04-01",
        "event": "Thames Valley, and Surrey and Sussex: four ICBs regroup; "
        "Hampshire and Isle of Wight grows",
        "share": 0.588619,
    }
    assert [list(place) for place in said] == [
        ["code", "name", "kind", "from", "event", "share"]
    ] * 3


def test_the_command_prints_null_for_what_is_not_known(register):
    unknown = json.loads(printed("rw6", "--on", "2026-11-21", "--json"))
    itself = json.loads(printed("91Q", "--on", "2026-11-21", "--json"))

    assert [(place["code"], place["share"]) for place in unknown] == [("R0A", None), ("RM3", None)]
    assert [(place["event"], place["share"]) for place in itself] == [(None, 1.0)]
    assert json.loads(printed("RYK", "--on", "2026-11-21", "--json")) == []


def test_the_command_in_words(register):
    assert printed("09C", "--on", "2026-11-21") == (
        "100.0%  91Q  NHS Kent and Medway ICB - 91Q "
        "(from 1 Apr 2020: Kent and Medway CCG: eight CCGs merge)\n"
    )
    assert "   ?    R0A" in printed("RW6", "--on", "2026-11-21")
    assert printed("RYK", "--on", "2026-11-21") == (
        "On 21 November 2026 nobody holds the area of RYK.\n"
    )


def test_the_command_refuses_a_code_that_is_none(register):
    with pytest.raises(CommandError, match="X1X1X is not in the register"):
        call_command("trace", "x1x1x")
