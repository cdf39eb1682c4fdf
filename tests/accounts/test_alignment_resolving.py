"""What each line of an own alignment means on the plan's first day, by the register's facts."""

from datetime import date
from decimal import Decimal

import pytest

from accounts.territories.alignment import Line
from accounts.territories.resolving import loose, recognises, resolve, strict
from footprints.models import Organisation
from footprints.tracing import trace_all
from tests import factories

pytestmark = pytest.mark.usefixtures("register")

TODAY = date(2026, 11, 21)


def line(unit, territory="T01", owner="", number=1, name=""):
    return Line(number, unit, name, territory, "", owner)


def lines(*units):
    """Each unit in a territory of its own, so that nothing comes together."""
    return [line(unit, f"T{n:02}", number=n) for n, unit in enumerate(units, 1)]


def one(unit, day=TODAY, **kwargs):
    """The Resolved of a single line."""
    found = resolve([line(unit, **kwargs)], day)
    assert not found.unresolved, found.unresolved
    return found.resolved[0]


def none(unit, day=TODAY):
    """The Unresolved of a single line."""
    found = resolve([line(unit)], day)
    assert not found.resolved, found.resolved
    return found.unresolved[0]


# --- Codes


@pytest.mark.parametrize("code", ["91Q", "91q", "13T", "QKS", "RDU"])
def test_a_code_that_lives_is_itself(code):
    found = one(code)

    assert (found.body.code, found.why, found.old) == (code.upper(), "", None)


def test_a_code_that_merged_leads_to_the_one_body_that_has_it_now():
    found = one("99J")  # NHS West Kent CCG, one of eight that merged on 1 April 2020

    assert (found.old.code, found.body.code) == ("99J", "91Q")
    assert found.day == date(2020, 4, 1)
    assert found.why.endswith("1 April 2020")


@pytest.mark.parametrize(
    ("day", "code"),
    [
        (date(2020, 3, 31), "99J"),
        (date(2020, 4, 1), "91Q"),
        (date(2022, 7, 1), "91Q"),
    ],
)
def test_the_day_decides_what_a_code_leads_to(day, code):
    assert one("99J", day).body.code == code


def test_a_code_that_splits_is_listed_with_shares_and_never_chosen():
    found = none("QNQ")  # Frimley ICB

    assert {option.body.code for option in found.options} == {"S0E4D", "S9B9J", "QRL"}
    assert sum(option.part for option in found.options) == pytest.approx(
        Decimal(1), abs=Decimal("0.01")
    )
    assert "splits between S0E4D (59%)" in found.problem
    assert found.splits


def test_what_somebody_chose_of_the_options_is_taken_and_nothing_else():
    chosen = resolve([line("QNQ", number=7)], TODAY, choices={7: "QRL"})
    other = resolve([line("QNQ", number=7)], TODAY, choices={7: "QKS"})

    assert chosen.resolved[0].body.code == "QRL"
    assert other.unresolved[0].options


def test_a_code_of_later_does_not_live_yet():
    assert none("91Q", date(2020, 3, 31)).problem == "91Q does not exist before 1 April 2020."


def test_an_ons_code_leads_to_its_body():
    found = one("E38000237")

    assert (found.body.code, found.why) == ("91Q", "E38000237 is its ONS code")


def test_a_code_that_nobody_had_is_listed_with_what_it_may_have_been():
    assert [option.body.code for option in none("9IQ").options] == ["91Q"]
    assert none("ZZZ9").options == ()


def test_a_body_that_no_plan_assigns_is_listed():
    hub = Organisation.objects.of_kind(TODAY, kind="commissioning_hub").first()

    assert "no plan assigns" in none(hub.code).problem


def test_following_agrees_with_the_trace_of_every_code_that_closed():
    closed = Organisation.objects.of_kind(date(2019, 6, 1), kind="ccg").exclude(
        pk__in=Organisation.objects.of_kind(TODAY)
    )
    codes = list(closed.values_list("code", flat=True))

    found = resolve(lines(*codes), TODAY)

    where = {f.line.unit: {f.body.code} for f in found.resolved}
    where |= {f.line.unit: {o.body.code for o in f.options} for f in found.unresolved}
    torn = {ln.unit: {c.body.code} for c in found.conflicts for ln in c.lines}
    traced = {code: {p.code for p in places} for code, places in trace_all(codes, TODAY).items()}
    assert where | torn == dict(traced.items())
    assert len(codes) > 100


# --- Names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NHS West Kent CCG", "99J"),
        ("nhs west kent ccg", "99J"),
        ("West Kent Clinical Commissioning Group", "99J"),
        ("West Kent", "99J"),
        ("NHS South Kent Coast CCG", "10A"),
        ("East Riding of Yorkshire CCG", "02Y"),
    ],
)
def test_a_name_is_known_however_it_is_written(text, code):
    assert one(text, date(2019, 6, 1)).body.code == code


def test_a_name_of_before_leads_to_the_body_and_on_to_the_day():
    kept = one("NHS Newcastle Gateshead CCG")  # its code lives on as a sub-ICB location
    merged = one("NHS West Kent CCG")

    assert (kept.body.code, kept.why) == ("13T", "its name until 30 June 2022")
    assert (merged.old.code, merged.body.code) == ("99J", "91Q")
    assert "its name until 31 March 2020" in merged.why


def test_and_and_ampersand_are_one_word():
    assert one("Kent & Medway ICB").body.code == one("Kent and Medway ICB").body.code == "QKS"


def test_the_exact_name_comes_before_the_one_without_its_frame():
    assert one("NHS Kent and Medway CCG").body.code == "91Q"
    assert one("NHS Kent and Medway Integrated Care Board").body.code == "QKS"


def test_a_name_of_several_bodies_is_that_of_the_kind_the_file_speaks_of():
    ccgs = resolve([line("13T", "T1"), line("Kent and Medway", "T2", number=2)], TODAY)
    icbs = resolve([line("QNX", "T1"), line("Kent and Medway", "T2", number=2)], date(2025, 1, 1))

    assert ccgs.resolved[-1].body.code == "91Q"
    assert icbs.resolved[-1].body.code == "QKS"


def test_a_name_of_several_bodies_alone_is_listed():
    found = none("Kent and Medway")

    assert {option.body.code for option in found.options} == {"91Q", "QKS"}


def test_the_name_beside_an_unknown_code_serves():
    found = one("XX99", name="NHS West Kent CCG")

    assert found.body.code == "91Q"


def test_a_code_inside_a_text_serves():
    assert one("West of Kent, our patch (99J)").body.code == "91Q"


def test_a_name_spelt_nearly_right_is_proposed_not_taken():
    found = none("NHS West Kemt CCG")

    assert found.options[0].body.code == "91Q"  # where West Kent went
    assert "much like" in found.options[0].why


@pytest.mark.parametrize(
    ("text", "bare", "looser"),
    [
        ("NHS Kent & Medway CCG", "kent and medway ccg", "kent and medway"),
        ("St John’s  PCN", "st johns pcn", "st johns"),
        ("NHS CCG", "ccg", ""),
        ("Frimley Health NHS Foundation Trust", "frimley health ft", "frimley health"),
    ],
)
def test_names_are_stripped_of_how_they_are_written(text, bare, looser):
    assert (strict(text), loose(text)) == (bare, looser)


# --- Together


def test_two_lines_that_come_to_one_unit_in_two_territories_are_a_conflict():
    found = resolve([line("99J", "T01", number=4), line("10A", "T02", number=9)], TODAY)

    assert not found.resolved
    [conflict] = found.conflicts
    assert conflict.body.code == "91Q"
    assert {t: [ln.number for ln in lns] for t, lns in conflict.territories.items()} == {
        "T01": [4],
        "T02": [9],
    }


def test_one_unit_written_twice_in_two_territories_is_a_conflict():
    found = resolve([line("91Q", "T01"), line("91q", "T02", number=2)], TODAY)

    assert [len(conflict.lines) for conflict in found.conflicts] == [2]
    assert not found.resolved


def test_lines_that_come_to_one_unit_in_one_territory_are_one_unit():
    found = resolve([line("99J", "T01"), line("10A", "t01", number=2)], TODAY)

    assert (len(found.resolved), found.units, found.territories) == (2, 1, 1)
    assert not found.conflicts


def test_a_second_owner_of_a_territory_is_said_with_the_line():
    found = resolve([line("91Q", owner="Sam Hart"), line("92A", owner="Kim Lee", number=5)], TODAY)

    assert "Sam Hart becomes its owner; Kim Lee (line 5)" in found.notices[0]


def test_a_unit_repeated_in_its_territory_counts_once_and_is_said():
    found = resolve([line("91Q"), line("91Q", number=2)], TODAY)

    assert found.units == 1
    assert found.notices == ["1 line repeats a unit in the same territory; it counts once."]


def test_each_attempt_to_put_a_unit_twice_is_listed_with_its_lines():
    lines = [
        line("91Q"),
        line("91q", number=2),
        line("E38000237", number=3),
        line("99J", number=4),  # West Kent's area is 91Q's now: that is no attempt
        line("92A", number=5),
        line("72Q", "T02", number=6),
        line("72Q", "T03", number=7),
    ]

    found = resolve(lines, TODAY)

    [repeat] = found.repeats
    assert repeat.body.code == "91Q"
    assert [one.number for one in repeat.lines] == [1, 2, 3]
    [conflict] = found.conflicts
    assert [one.number for one in conflict.lines] == [6, 7]


def test_only_codes_and_exact_names_are_recognised():
    texts = {"91Q", "91q", "NHS West Kent CCG", "T07", "Sam Hart", "Kent Medwey"}

    assert recognises(texts) == {"91Q", "91q", "NHS West Kent CCG"}


def test_a_proposed_body_is_no_unit():
    proposed = factories.organisation("NEW1", is_provisional=True)
    factories.version(proposed, kind_code="icb", name="NHS Qwertz Xylophone ICB")

    assert none("NEW1").options == ()
    assert none("NHS Qwertz Xylophone ICB").options == ()


@pytest.mark.parametrize("copies", [1, 30])
def test_the_number_of_queries_does_not_grow_with_the_lines(django_assert_num_queries, copies):
    # One of each sort, or thirty: a live code, one followed, one split, an ONS code, a name, a
    # name misspelt, nonsense.
    live = Organisation.objects.of_kind(TODAY, kind="sub_icb").order_by("code")
    dead = Organisation.objects.of_kind(date(2019, 6, 1), kind="ccg").exclude(
        pk__in=Organisation.objects.of_kind(TODAY)
    )
    units = [
        *live.values_list("code", flat=True)[:copies],
        *dead.order_by("code").values_list("code", flat=True)[:copies],
        "QNQ",
        "E38000237",
        *[f"NHS West Kent CCG{' ' * n}" for n in range(copies)],
        *[f"NHS West Kemt CCG {n}" for n in range(copies)],
        *[f"nonsense {n}" for n in range(copies)],
    ]

    with django_assert_num_queries(11):
        resolve(lines(*units), TODAY)
