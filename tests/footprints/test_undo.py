"""Undo: the facts known now are as they were before; what was known at any moment stays known."""

import json
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footprints import bundle
from footprints.bundle import (
    Bundle,
    KindRow,
    PopulationRow,
    RelationshipRow,
    SuccessionRow,
    VersionRow,
)
from footprints.models import (
    Organisation,
    Population,
    Release,
    Reorganisation,
    Version,
)
from footprints.services.entries import enter_fact, withdraw_facts
from footprints.services.loading import load_bundle
from footprints.services.releases import RECORDED, CannotUndo, Contradiction, undo_release
from footprints.services.undoing import later_than, rehearse_undo, undo_releases
from tests import factories as make

DAY = date(2020, 4, 1)


@pytest.fixture
def steward(db):
    return make.user(role="steward")


@pytest.fixture
def nothing(empty_register, register_says):
    return register_says()


def newest() -> Release:
    return Release.objects.latest("pk")


def standing(code="91Q", kind="sub_icb") -> Version:
    return Version.objects.now().get(organisation__code=code, kind=kind)


def corrected(life, name, by):
    """A correction of that version's name."""
    other = Version.objects.get(pk=life.pk)
    other.name = name
    return enter_fact(other, by=by, replaces=life)


# --- The whole bundle ---------------------------------------------------------------------------


def test_undoing_the_bundle_leaves_nothing_known_now_and_everything_known_then(
    register, register_says
):
    known = register_says()
    assert len(known["version"]) == 2223

    undo = undo_release(register)

    assert not any(register_says().values())
    assert register_says(register.pk) == known
    assert not any(Version.objects.census(DAY).values())
    assert Version.objects.census(DAY, register.pk)["ccg"] == 135
    assert (undo.kind, undo.undoes, undo.source) == ("undo", register, "bundle")
    assert not Reorganisation.objects.known().exists()


def test_undoing_the_bundle_and_loading_it_again_is_as_if_nothing_had_been(
    register, register_says, all_that_was_known
):
    known = register_says()
    events = Reorganisation.objects.count()
    undo_release(register)
    moments = all_that_was_known()

    report = load_bundle(bundle.read())

    assert register_says() == known
    assert report.written["version"] == 2223
    assert not any(report.retracted.values())
    assert Reorganisation.objects.count() == events
    assert {key: register_says(key) for key in moments} == moments
    assert load_bundle(bundle.read()).release is None


def test_undone_events_are_to_be_flagged_anew(register):
    Reorganisation.objects.update(revision=7, flagged_revision=7)

    undo_release(register)

    assert Reorganisation.objects.unflagged().count() == Reorganisation.objects.count()


# --- One release after another ------------------------------------------------------------------


def test_undoing_a_change_brings_back_what_was_and_keeps_both_moments(
    nothing, folder, register_says, all_that_was_known
):
    load_bundle(folder.read())
    before = register_says()
    folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Kent")
    folder.remove("relationships.csv", "APC-02,covers")
    folder.add("versions.csv", "Z9Z9Z,icb,NHS Somewhere ICB,2024-04-01,,,,")
    change = load_bundle(folder.read()).release
    moments = all_that_was_known()
    assert register_says() != before

    undo_release(change)

    assert register_says() == before
    assert {key: register_says(key) for key in moments} == moments


def test_what_an_undo_restores_is_a_copy_and_the_retraction_stays(nothing, folder):
    load_bundle(folder.read())
    first = newest()
    folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Kent")
    load_bundle(folder.read())
    second = newest()

    undo = undo_release(second)

    lives = Version.objects.filter(organisation__code="91Q", kind="sub_icb").order_by("pk")
    assert list(lives.values_list("name", "asserted_by", "retracted_by")) == [
        ("NHS Kent and Medway ICB - 91Q", first.pk, second.pk),
        ("Kent", second.pk, undo.pk),
        ("NHS Kent and Medway ICB - 91Q", undo.pk, None),
    ]


def test_an_undo_may_be_followed_by_the_same_release_again_and_so_on(
    nothing, folder, register_says
):
    load_bundle(folder.read())
    before = register_says()
    folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Kent")
    changed = folder.read()
    for _ in range(3):
        load_bundle(changed)
        after = register_says()
        assert standing().name == "Kent"
        assert load_bundle(changed).release is None

        undo_release(newest())
        assert register_says() == before
    assert after != before


def test_releases_of_a_source_are_undone_last_in_first_out(nothing, folder, register_says):
    load_bundle(folder.read())
    first = newest()
    names = ["Kent", "Medway"]
    for old, new in zip(["NHS Kent and Medway ICB - 91Q", "Kent"], names, strict=True):
        folder.change("versions.csv", "91Q,sub_icb", old, new)
        load_bundle(folder.read())
    third, second = Release.objects.all()[:2]
    before = register_says()

    with pytest.raises(CannotUndo, match="Later releases of the same source stand") as refused:
        undo_release(first)

    assert refused.value.releases == [third, second]
    assert f"release {third.pk}: " in str(refused.value)
    assert register_says() == before
    for release in (third, second, first):
        undo_release(release)
    assert not any(register_says().values())


def test_a_later_release_of_another_source_that_did_not_build_on_it_is_no_hindrance(
    nothing, folder, register_says
):
    load_bundle(folder.read())
    loaded = newest()
    mine = make.version(name="Mine")

    undo_release(loaded)

    assert [row[-1] for row in register_says()["version"]] == ["Mine"]
    assert mine in Version.objects.now()


def test_a_release_on_which_an_entry_built_is_not_undone(nothing, folder, steward, whole_database):
    load_bundle(folder.read())
    loaded = newest()
    corrected(standing(), "Kent", steward)
    entry = newest()
    before = whole_database()

    with pytest.raises(CannotUndo, match="Another source built on this release") as refused:
        undo_release(loaded)

    assert refused.value.releases == [entry]
    assert whole_database() == before


def test_once_the_entry_is_undone_the_bundle_can_be(nothing, folder, steward, register_says):
    load_bundle(folder.read())
    loaded, before = newest(), register_says()
    corrected(standing(), "Kent", steward)

    undo_release(newest())
    assert register_says() == before
    undo_release(loaded)

    assert register_says() == nothing


def test_an_undone_correction_is_not_missing_after_an_undo_and_a_second_load(
    nothing, folder, steward, register_says
):
    load_bundle(folder.read())
    loaded, before = newest(), register_says()
    corrected(standing(), "Kent", steward)
    undo_release(newest())
    undo_release(loaded)

    load_bundle(folder.read())

    assert register_says() == before


def test_the_refusal_names_the_entry_that_stands_not_the_one_that_was_undone(
    nothing, folder, steward
):
    load_bundle(folder.read())
    loaded = newest()
    corrected(standing(), "Kent", steward)
    undo_release(newest())
    withdrawn = withdraw_facts([standing()], by=steward)

    with pytest.raises(CannotUndo) as refused:
        undo_release(loaded)

    assert refused.value.releases == [withdrawn]
    undo_release(withdrawn)
    undo_release(loaded)
    assert not Version.objects.now().exists()


def test_an_undo_is_not_undone_nor_a_release_twice(nothing, folder, register_says):
    load_bundle(folder.read())
    loaded = newest()
    undo = undo_release(loaded)

    with pytest.raises(CannotUndo, match="An undo is not undone"):
        undo_release(undo)
    with pytest.raises(CannotUndo, match="undone already"):
        undo_release(loaded)
    assert Release.objects.count() == 2
    assert register_says() == nothing


def test_what_another_source_put_in_its_place_since_is_not_undone_over(
    nothing, folder, steward, whole_database
):
    """The bundle dropped a fact; a steward entered another one in its place."""
    load_bundle(folder.read())
    folder.remove("versions.csv", "91Q,sub_icb")
    load_bundle(folder.read())
    dropped = newest()
    kent = Organisation.objects.get(code="91Q")
    enter_fact(
        Version(organisation=kent, kind_id="sub_icb", name="Kent", opened_on=date(2022, 7, 1)),
        by=steward,
    )
    before = whole_database()

    with pytest.raises(CannotUndo, match="Another source holds other facts since"):
        undo_release(dropped)

    assert whole_database() == before


def test_an_undo_says_who_did_it(nothing, folder, steward):
    load_bundle(folder.read(), by=steward)

    undo = undo_release(newest(), by=steward)

    assert undo.by == undo.undoes.by == steward
    assert undo.title == "Undo of The NHS in England, 2013 to November 2026"


def test_the_command_lists_what_stands_and_undoes_by_number(nothing, folder, capsys):
    load_bundle(folder.read())
    loaded = newest()
    call_command("undo_release")
    listed = capsys.readouterr().out
    assert f"{loaded.pk:5}  " in listed and "bundle  The NHS in England" in listed

    call_command("undo_release", str(loaded.pk))

    undo = newest()
    assert capsys.readouterr().out == f"Release {undo.pk}: {undo.title}\n"
    call_command("undo_release")
    assert capsys.readouterr().out == ""


def renamed_three_times(folder) -> list[Release]:
    """The bundle, then two corrections of one name by it: three releases, the oldest first."""
    load_bundle(folder.read())
    names = ["NHS Kent and Medway ICB - 91Q", "Kent", "Medway"]
    for old, new in pairwise(names):
        folder.change("versions.csv", "91Q,sub_icb", old, new)
        load_bundle(folder.read())
    return list(Release.objects.order_by("pk"))


def test_a_release_is_undone_with_the_later_ones_in_one_go(
    nothing, folder, register_says, all_that_was_known
):
    first, second, third = renamed_three_times(folder)
    moments = all_that_was_known()

    undos = undo_releases([second, third])

    assert [undo.undoes for undo in undos] == [third, second]
    assert register_says() == moments[first.pk]
    assert {key: register_says(key) for key in moments} == moments
    assert later_than(first) == later_than(second) == []


def test_of_several_releases_all_are_undone_or_none(nothing, folder, steward, whole_database):
    first, second, third = renamed_three_times(folder)
    kent = Organisation.objects.get(code="99J")
    (life,) = Version.objects.now().filter(organisation=kent, kind="ccg")
    corrected(life, "NHS West Kent", steward)
    before = whole_database()
    assert later_than(first) == [third, second]

    with pytest.raises(CannotUndo, match="Another source built on this release"):
        undo_releases([first, *later_than(first)])

    assert whole_database() == before


def test_a_rehearsal_of_several_leaves_out_what_came_and_went_between(
    nothing, folder, whole_database
):
    _, second, third = renamed_three_times(folder)
    before = whole_database()

    rehearsal = rehearse_undo([second, third])

    assert whole_database() == before
    (table,) = rehearsal.tables
    assert (table.model, table.gone, table.back) == ("version", 1, 1)
    assert [line.text.partition(",")[0] for line in table.first_gone + table.first_back] == [
        "Medway",
        "NHS Kent and Medway ICB - 91Q",
    ]
    assert rehearse_undo([second]).blocking == [third]


def test_the_command_undoes_the_later_ones_too_where_asked(nothing, folder, capsys):
    _, second, third = renamed_three_times(folder)

    with pytest.raises(CommandError, match="--with-later"):
        call_command("undo_release", str(second.pk))
    assert Release.objects.count() == 3
    call_command("undo_release", str(second.pk), "--with-later", "--json")

    said = json.loads(capsys.readouterr().out)
    assert [(row["release"], row["source"]) for row in said["undone"]] == [
        (third.pk, "bundle"),
        (second.pk, "bundle"),
    ]
    assert [row["undone_by"] for row in said["undone"]] == [third.pk + 1, third.pk + 2]
    assert said["facts"] == {"version": {"gone": 1, "back": 1}}


def test_the_command_tells_a_program_what_stands_and_what_stands_in_the_way(
    nothing, folder, capsys
):
    first, second, third = renamed_three_times(folder)

    call_command("undo_release", "--json")
    assert [row["release"] for row in json.loads(capsys.readouterr().out)] == [
        third.pk,
        second.pk,
        first.pk,
    ]
    with pytest.raises(CommandError):
        call_command("undo_release", str(second.pk), "--json")
    said = json.loads(capsys.readouterr().out)
    assert said["refused"].startswith("Later releases of the same source stand")
    assert [row["release"] for row in said["blocking"]] == [third.pk]


@pytest.mark.parametrize("number", ["0", "999999"])
def test_the_command_refuses_a_release_there_is_none_of(nothing, number):
    with pytest.raises(CommandError, match=f"There is no release {number}"):
        call_command("undo_release", number)


def test_the_command_refuses_in_words(nothing, folder):
    load_bundle(folder.read())
    loaded = newest()
    undo_release(loaded)

    with pytest.raises(CommandError, match="This release is undone already"):
        call_command("undo_release", str(loaded.pk))


# --- Any sequence of releases -------------------------------------------------------------------


def bundle_of(names, member, passes, people) -> Bundle:
    """A bundle of four bodies; each argument chooses one of several things it may say."""
    made = Bundle("Made up", DAY, "made up")
    made.kinds = [KindRow("", 2, "icb", "ICB", "ICBs", "commissioning", 2, True, True, True)]
    made.versions = [
        VersionRow("", n, code, "icb", name, None, None, None, "made up", "")
        for n, (code, name) in enumerate(zip("ABCD", (*names, "C", "D"), strict=True), 2)
        if name
    ]
    alive = {row.code for row in made.versions}
    if member and {"C", "D"} <= alive:
        made.relationships = [
            RelationshipRow("", 2, "C", "part_of", "D", "icb", None, DAY, "made up", member)
        ]
    new = {"": [], "whole": ["C"], "split": ["C", "D"]}[passes]
    if "A" in alive:
        made.successions = [
            SuccessionRow(
                "",
                n,
                DAY,
                "merger",
                "A",
                code,
                "area",
                Decimal("0.5") if len(new) > 1 else None,
                None,
                "high",
                "made up",
                "",
            )
            for n, code in enumerate(new, 2)
        ]
    if people:
        made.populations = [PopulationRow("", 2, "D", 2019, DAY, people, "made up")]
    return made


LOAD = st.tuples(
    st.just("load"),
    st.builds(
        bundle_of,
        names=st.tuples(st.sampled_from(["A", "Alpha", ""]), st.sampled_from(["B", "Beta", ""])),
        member=st.sampled_from(["", "noted", "noted otherwise"]),
        passes=st.sampled_from(["", "whole", "split"]),
        people=st.sampled_from([0, 100, 200]),
    ),
)
NUMBER = st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        LOAD,
        st.tuples(st.just("correct"), NUMBER),
        st.tuples(st.just("withdraw"), NUMBER),
        st.tuples(st.just("enter"), NUMBER),
        st.tuples(st.just("undo"), NUMBER),
        st.tuples(st.just("undo the last"), NUMBER),
    ),
    min_size=2,
    max_size=9,
)


class History:
    """Takes steps, and after each holds the register to what was known before."""

    def __init__(self, says, steward):
        self.says, self.steward = says, steward
        self.known, self.before, self.census = {}, {}, {}

    def take(self, step, choice):
        before, count = self.says(), Release.objects.count()
        try:
            with transaction.atomic():
                getattr(self, step.replace(" ", "_"))(choice)
        except (CannotUndo, Contradiction):
            assert self.says() == before
            assert Release.objects.count() == count
            return
        release = Release.objects.order_by("pk").last()
        if Release.objects.count() == count:  # the step found nothing to do
            assert self.says() == before
            return
        assert Release.objects.count() == count + 1
        self.before[release.pk] = before
        self.known[release.pk] = self.says()
        self.census[release.pk] = Version.objects.census(DAY)

    def load(self, made):
        load_bundle(made)
        after = self.says()
        assert load_bundle(made).release is None
        assert self.says() == after

    def pick(self, rows, number):
        rows = list(rows.order_by("pk"))
        return rows[number % len(rows)] if rows else None

    def correct(self, number):
        if life := self.pick(Version.objects.now(), number):
            corrected(life, f"Corrected {number % 2}", self.steward)

    def withdraw(self, number):
        model = RECORDED[number % len(RECORDED)]
        if fact := self.pick(model.objects.now(), number):
            withdraw_facts([fact], by=self.steward)

    def enter(self, number):
        bodies = list(Organisation.objects.filter(code__in="ABCD").order_by("code"))
        taken = Population.objects.now().filter(year=number)
        if bodies and not taken.exists():
            body = bodies[number % len(bodies)]
            fact = Population(organisation=body, year=number, boundary_on=DAY, people=number)
            enter_fact(fact, by=self.steward)

    def undo(self, number):
        if release := self.pick(Release.objects.standing(), number):
            undo_release(release)

    def undo_the_last(self, _):
        release = Release.objects.standing().order_by("pk").last()
        if release:
            was_last = release.pk == max(self.known, default=0)
            undo_release(release)
            if was_last:
                assert self.says() == self.before[release.pk]

    def every_moment_stays_known(self):
        for key, known in self.known.items():
            assert self.says(key) == known
            assert Version.objects.census(DAY, key) == self.census[key]


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=LOAD, steps=STEPS)
def test_whatever_was_done_is_undone_in_reverse_and_every_moment_stays_known(
    empty_register, register_says, first, steps
):
    with transaction.atomic():
        start = register_says()
        history = History(register_says, make.user())
        for step, choice in [first, *steps]:
            history.take(step, choice)
        for release in list(Release.objects.standing().order_by("-pk")):
            undo_release(release)

        assert register_says() == start
        history.every_moment_stays_known()
        load_bundle(first[1])
        assert register_says() == history.known[min(history.known)]
        transaction.set_rollback(True)
