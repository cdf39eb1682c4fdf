"""Where a body's area and functions went and came from: day by day, transitively, with shares."""

import json
import random
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from footprints.models import Organisation, Relationship, Reorganisation, Succession
from footprints.shares import fill_in
from footprints.tracing import UnknownCode, trace, trace_all, trace_back
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

# Splits of which no source gives the shares, and of whose members nobody counted the people.
UNKNOWN = {"RW6"}


def places(code, day=TODAY, **options):
    return {place.code: place.share for place in trace(code, day, **options)}


def legal(code, day=TODAY):
    return places(code, day, passes="functions")


def sources(code, day=TODAY, **options):
    return {source.code: source.share for source in trace_back(code, day, **options)}


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
    for asked in (["QM7"], codes):  # a share of QM7 is derived: one query more
        with django_assert_num_queries(4):
            trace_all(asked, TODAY)
    with django_assert_num_queries(3):
        trace_all(["91Q"], TODAY)


def test_only_what_lies_on_the_way_is_read(register, django_assert_num_queries):
    """However many successions there are: one statement walks from the body by the index."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE footprints_succession, footprints_reorganisation")
    with django_assert_num_queries(3) as asked:
        trace("09C", TODAY)

    walk = asked.captured_queries[1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {walk}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "WITH RECURSIVE" in walk
    assert "succession_predecessor" in plan
    assert "Seq Scan on footprints_succession" not in plan


def test_a_code_that_is_none_is_refused(register):
    with pytest.raises(UnknownCode, match="X1X1X is not in the register"):
        trace("X1X1X", TODAY)


# --- Shares that no source states ----------------------------------------------------------------


def test_qm7_is_shared_out_by_the_people_of_its_sub_icb_locations(register):
    """06K and 06N went to S1Y5D, 07H to D7T5G, on 1 April 2026; people of mid-2019."""
    k, n, h = 571_713, 598_034, 310_040
    east, essex = Decimal(k + n) / (k + n + h), Decimal(h) / (k + n + h)

    found = trace("QM7", TODAY)

    assert [(place.code, place.is_derived) for place in found] == [
        ("S1Y5D", True),
        ("D7T5G", True),
    ]
    assert [place.share for place in found] == [Decimal("0.790483"), Decimal("0.209517")]
    assert [round(part, 6) for part in (east, essex)] == [place.share for place in found]


def test_qjg_is_shared_out_by_the_people_of_its_sub_icb_locations(register):
    """06L and 07K went to T6Y0W, 06T to D7T5G."""
    ipswich, essex, suffolk = 411_211, 341_267, 231_706
    whole = ipswich + essex + suffolk

    assert places("QJG") == {
        "T6Y0W": round(Decimal(ipswich + suffolk) / whole, 6),
        "D7T5G": round(Decimal(essex) / whole, 6),
    }
    assert sum(places("QJG").values()) == 1


def test_the_rows_of_an_event_are_filled_in_for_a_page(register, django_assert_num_queries):
    rows = list(Succession.objects.now().select_related("reorganisation", "predecessor"))

    with django_assert_num_queries(1):  # whatever the number of rows; RW6 is no area
        fill_in(rows)

    derived = {
        (row.predecessor.code, row.share) for row in rows if getattr(row, "is_derived", False)
    }
    assert {code for code, _ in derived} == {"QM7", "QJG"}
    assert ("QM7", Decimal("0.790483")) in derived
    assert {row.share for row in rows if row.predecessor.code == "RW6"} == {None}
    with django_assert_num_queries(0):
        fill_in([row for row in rows if row.predecessor.code == "QNQ"])


def test_a_row_is_filled_in_without_the_other_parts_of_its_split(register):
    rows = Succession.objects.now().select_related("reorganisation")
    alone = rows.get(predecessor__code="QM7", successor__code="S1Y5D")

    fill_in([alone])

    assert (alone.share, alone.is_derived) == (Decimal("0.790483"), True)


def test_the_shares_that_a_source_states_are_no_derived_ones(register):
    assert not any(place.is_derived for place in trace("QNQ", TODAY))
    assert not any(place.is_derived for place in trace("RW6", TODAY))


def test_the_split_of_frimley_would_be_derived_through_the_split_of_its_one_location(register):
    """Had nobody stated the ICB's shares: those of D4U1Y, its one member that was split itself."""
    without_a_share("QNQ")

    found = trace("QNQ", TODAY)

    assert {place.code: place.share for place in found} == {
        "S0E4D": Decimal("0.588619"),
        "QRL": Decimal("0.229339"),
        "S9B9J": Decimal("0.182042"),
    }
    assert all(place.is_derived for place in found)


def test_a_member_whose_own_shares_are_not_known_leaves_them_unknown(register):
    without_a_share("QNQ")
    without_a_share("D4U1Y")

    assert places("QNQ") == {"QRL": None, "S0E4D": None, "S9B9J": None}


def test_a_member_that_nobody_counted_leaves_the_shares_unknown(register):
    """The people of one of three locations withdrawn: the other two are no measure."""
    figures = Organisation.objects.get(code="07H").populations
    figures.update(retracted_by=make.release())

    assert places("QM7") == {"D7T5G": None, "S1Y5D": None}


def test_a_member_that_went_nowhere_leaves_the_shares_unknown(register):
    """Where 07H went is not recorded: its fifth of the people is more than closes on any day."""
    Relationship.objects.now().filter(child__code="07H", parent__code="D7T5G").update(
        retracted_by=make.release()
    )

    assert places("QM7") == {"D7T5G": None, "S1Y5D": None}


def test_a_share_is_derived_as_known_at_an_earlier_release(register):
    before = make.release().pk
    figures = Organisation.objects.get(code="07H").populations
    figures.update(retracted_by=make.release())

    assert places("QM7", known=before)["D7T5G"] == Decimal("0.209517")
    assert places("QM7")["D7T5G"] is None


def test_members_of_members_tell_where_the_members_are_not_counted(empty_register):
    """An ICB of two locations whose people nobody counted; of three practices somebody did."""
    make.kind("ccg"), make.kind("sub_icb", tier=4), make.kind("practice", tier=7)
    day = date(2026, 4, 1)
    old, east, west = (
        make.body(code, closed_on=end)
        for code, end in (("OLD", day), ("EST", None), ("WST", None))
    )
    event = make.reorganisation(effective_on=day)
    for new, people in ((east, [100, 500]), (west, [400])):
        location = make.body(kind_code="sub_icb")
        make.relationship(child=location, parent=old, closed_on=day)
        make.relationship(child=location, parent=new, opened_on=day)
        for each in people:
            practice = make.body(kind_code="practice")
            make.relationship(child=practice, parent=location)
            make.population(organisation=practice, people=each)
        make.succession(reorganisation=event, predecessor=old, successor=new, share=None)

    assert places("OLD", day) == {"EST": Decimal("0.6"), "WST": Decimal("0.4")}


def without_a_share(code):
    """The successions of that body asserted anew, their shares not known."""
    release = make.release()
    for row in Succession.objects.now().filter(
        predecessor__code=code, passes="area", becomes=None
    ):
        Succession.objects.filter(pk=row.pk).update(retracted_by=release)
        make.succession(
            reorganisation=row.reorganisation,
            predecessor=row.predecessor,
            successor=row.successor,
            share=None,
            asserted_by=release,
        )


# --- Where statutory functions went --------------------------------------------------------------


def test_the_functions_of_a_ccg_went_to_its_icb(register):
    assert legal("91Q", date(2022, 6, 30)) == {"91Q": 1}
    assert legal("91Q", date(2022, 7, 1)) == {"QKS": 1}

    (place,) = trace("91Q", TODAY, passes="functions")
    assert (place.kind, place.from_day) == ("icb", date(2022, 7, 1))
    assert (
        place.event
        == "Kent and Medway: the STP becomes an ICB, one CCG becomes a sub-ICB location"
    )


def test_functions_go_along_with_the_area_when_legal_bodies_merge(register):
    """Ashford CCG merged into Kent's in 2020; Hertfordshire's ICB into another in 2026."""
    assert legal("09C") == {"QKS": 1}
    assert legal("QUE") == {"S1Y5D": 1}
    assert legal("06K", date(2026, 3, 31)) == {"QM7": 1}


def test_functions_of_a_ccg_follow_its_icb_and_not_the_area_on_its_old_code(register):
    """06N's area lies in S1Y5D alone; of its functions QM7 gave a part to each successor."""
    assert places("06N") == {"06N": 1}
    assert (
        legal("06N")
        == legal("QM7")
        == {
            "S1Y5D": Decimal("0.790483"),
            "D7T5G": Decimal("0.209517"),
        }
    )
    assert legal("D4U1Y") == legal("QNQ") == places("QNQ")


def test_what_never_was_a_legal_body_has_no_functions(register):
    assert legal("U2G6B") == {}  # opened in 2026 as a sub-ICB location
    assert legal("Y56") == {}
    assert legal("QVP") == {}  # an STP that ended before there were ICBs


def test_an_stp_has_functions_from_the_day_it_became_an_icb(register):
    assert legal("QKS", date(2022, 6, 30)) == {}

    (place,) = trace("QKS", TODAY, passes="functions")
    assert (place.code, place.share, place.from_day) == ("QKS", 1, date(2022, 7, 1))


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_of_every_legal_body_the_functions_are_with_one_and_sum_to_one(register, day):
    codes = list(Organisation.objects.values_list("code", flat=True))
    holders = set(
        Organisation.objects.of_kind(day, kind__is_legal_body=True).values_list("code", flat=True)
    )
    traced = trace_all(codes, day, passes="functions")

    assert set(traced) == set(codes)
    for code, found in traced.items():
        assert {place.code for place in found} <= holders
        if found and code not in UNKNOWN:
            assert sum(place.share for place in found) == 1, code
    assert holders <= {code for code, found in traced.items() if found}


def test_every_ccg_that_ever_was_has_its_functions_with_an_icb(register):
    ccgs = Organisation.objects.of_kind(date(2013, 4, 1), kind="ccg").values_list(
        "code", flat=True
    )
    traced = trace_all(ccgs, TODAY, passes="functions")

    assert {place.kind for found in traced.values() for place in found} == {"icb"}
    assert all(sum(place.share for place in found) == 1 for found in traced.values())


# --- Where a body came from ----------------------------------------------------------------------


def test_kent_and_medway_came_from_eight_ccgs(register):
    found = trace_back("91Q", TODAY)

    assert [source.code for source in found] == "09C 09E 09J 09W 10A 10D 10E 99J".split()
    assert {source.share for source in found} == {1}  # all of each: not summed
    assert {source.left_on for source in found} == {date(2020, 4, 1)}
    assert found[0].name == "NHS Ashford CCG"


def test_before_it_merged_nothing_had_come(register):
    assert trace_back("91Q", date(2020, 3, 31)) == []
    assert trace_back("09C", TODAY) == []  # it no longer lives
    assert trace_back("09C", date(2019, 1, 1)) == []


def test_a_chain_backwards_multiplies(register):
    """U2G6B has 59 % of what was Frimley's location, so 59 % of each CCG that had merged in it."""
    found = {source.code: source for source in trace_back("U2G6B", TODAY)}

    assert set(found) == set("D4U1Y 10C 15D 99M 10G 10T 11C".split())
    assert {source.share for source in found.values()} == {Decimal("0.588619")}
    assert found["D4U1Y"].left_on == date(2026, 4, 1)
    assert found["15D"].left_on == date(2021, 4, 1)
    assert found["10G"].left_on == date(2018, 4, 1)
    assert {source.from_day for source in found.values()} == {date(2026, 4, 1)}


def test_a_survivor_is_no_ancestor_of_itself(register):
    assert sources("92A")["D4U1Y"] == Decimal("0.182042")
    assert "92A" not in sources("92A")


def test_backwards_too_a_share_may_be_derived_or_unknown(register):
    assert sources("S1Y5D") == {"QHG": 1, "QUE": 1, "QM7": Decimal("0.790483")}
    assert [s.code for s in trace_back("S1Y5D", TODAY) if s.is_derived] == ["QM7"]
    assert sources("RM3")["RW6"] is None


def test_the_functions_of_an_icb_came_from_its_ccgs(register):
    found = sources("QKS", passes="functions")

    assert found == dict.fromkeys("91Q 09C 09E 09J 09W 10A 10D 10E 99J".split(), 1)
    assert sources("S0E4D", passes="functions")["D4U1Y"] == Decimal("0.588619")


@pytest.mark.parametrize("passes", ["area", "functions"])
@pytest.mark.parametrize("day", [date(2018, 6, 7), date(2022, 7, 1), TODAY], ids=str)
def test_backwards_and_forwards_agree_body_by_body(register, day, passes):
    codes = list(Organisation.objects.values_list("code", flat=True))
    forward = {
        (code, place.code): (place.share, place.from_day, place.event, place.is_derived)
        for code, found in trace_all(codes, day, passes=passes).items()
        for place in found
        if place.code != code
    }
    received = {code for _, code in forward}
    quiet = [code for code in codes if code not in received][:40]  # witnesses: nothing came

    backward = {
        (source.code, code): (source.share, source.from_day, source.event, source.is_derived)
        for code in [*received, *quiet]
        for source in trace_back(code, day, passes=passes)
    }

    assert backward == forward
    assert len(forward) > 20
    assert all(share is None or 0 < share <= 1 for share, *_ in backward.values())


def test_a_code_that_is_none_came_from_nowhere(register):
    with pytest.raises(UnknownCode, match="X1X1X is not in the register"):
        trace_back("X1X1X", TODAY)


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

    def back(self, letter, day=31):
        found = trace_back(self.body(letter).code, date(2020, 1, day))
        return {source.code.removeprefix("ZZ-"): source.share for source in found}


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


def test_a_body_that_lives_on_keeps_what_it_did_not_give_away(story):
    story.passes(2, "A", B="0.2")
    story.passes(3, "A", C="0.5")

    assert story.trace("A", 2) == {"A": Decimal("0.8"), "B": Decimal("0.2")}
    assert story.trace("A") == {"A": Decimal("0.4"), "C": Decimal("0.4"), "B": Decimal("0.2")}
    assert story.back("C") == {"A": Decimal("0.4")}


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_shares_sum_to_one_and_both_ways_agree(story, seed):
    """Random mergers, splits and circles over a month, as many as make paths meet."""
    chance = random.Random(seed)
    letters = "ABCDEFGH"
    for day in range(2, 14):
        old = chance.choice(letters)
        new = chance.sample(
            [letter for letter in letters if letter != old], chance.choice([1, 1, 2, 3])
        )
        cuts = sorted(chance.sample(range(1, 100), len(new) - 1))
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
        story.passes(day, old, **{n: Decimal(p) / 100 for n, p in zip(new, parts, strict=True)})

    for day in (1, 5, 9, 20):
        forward = {
            letter: story.trace(letter, day) for letter in letters if letter in story.bodies
        }
        assert all(sum(found.values()) == 1 for found in forward.values())
        for letter in story.bodies:
            assert story.back(letter, day) == {
                old: found[letter]
                for old, found in forward.items()
                if letter in found and old != letter
            }


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


def test_the_command_says_which_shares_are_derived(register):
    rows = json.loads(printed("QM7", "--on", "2026-11-21", "--json"))

    assert [(row["code"], row["share"], row["derived"]) for row in rows] == [
        ("S1Y5D", 0.790483, True),
        ("D7T5G", 0.209517, True),
    ]
    assert "share by the people of the members that moved)" in printed("QM7", "--on", "2026-11-21")


def test_the_command_follows_functions(register):
    (row,) = json.loads(printed("91q", "--legal", "--on", "2022-07-01", "--json"))

    assert (row["code"], row["kind"], row["share"]) == ("QKS", "icb", 1.0)
    assert printed("Y56", "--legal", "--on", "2026-11-21") == (
        "On 21 November 2026 nobody holds the statutory functions of Y56.\n"
    )


def test_the_command_looks_back(register):
    rows = json.loads(printed("U2G6B", "--back", "--on", "2026-11-21", "--json"))

    assert rows[0] == {
        "code": "D4U1Y",
        "name": "NHS Frimley ICB - D4U1Y",
        "kind": "sub_icb",
        "from": "2026-04-01",
        "event": rows[0]["event"],
        "share": 0.588619,
        "until": "2026-03-31",
    }
    assert "Thames Valley" in rows[0]["event"]
    assert printed("91Q", "--back", "--on", "2026-11-21").startswith(
        "100.0%  09C  NHS Ashford CCG (until 31 Mar 2020: Kent and Medway CCG: eight CCGs merge)\n"
    )
    assert printed("QKS", "--back", "--on", "2026-11-21") == (
        "On 21 November 2026 QKS holds the area of no other body.\n"
    )
    (legal_one, *_) = json.loads(
        printed("QKS", "--back", "--legal", "--on", "2026-11-21", "--json")
    )
    assert (legal_one["code"], legal_one["until"]) == ("91Q", "2022-06-30")


def test_the_command_refuses_a_code_that_is_none(register):
    with pytest.raises(CommandError, match="X1X1X is not in the register"):
        call_command("trace", "x1x1x")
