"""Loading: the register says what the bundle says, in one release, and only what changed."""

import csv
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Q
from django.utils.timezone import now

from footprints import bundle, events
from footprints.models import (
    Finding,
    Identifier,
    Kind,
    LeadProvider,
    Organisation,
    Population,
    Relationship,
    Release,
    Reorganisation,
    Step,
    Succession,
    Version,
)
from footprints.names import written
from footprints.services.entries import enter_fact, withdraw_facts
from footprints.services.loading import load_bundle
from footprints.services.releases import RECORDED, Contradiction, undo_release
from tests import factories as make

JULY_2022 = date(2022, 7, 1)


def load(folder):
    return load_bundle(folder.read())


def said(*args) -> str:
    out = StringIO()
    call_command("load_register", *args, stdout=out)
    return out.getvalue()


# --- What is written ----------------------------------------------------------------------------


def test_one_release_asserts_all_the_bundled_facts(register):
    assert Release.objects.count() == 1
    assert (register.kind, register.source) == ("bundle", "bundle")
    assert register.published_on == date(2026, 11, 21)
    assert register.sha256 == bundle.read().sha256
    assert {model._meta.model_name: model.objects.count() for model in RECORDED} == {
        "version": 2214 + 9,  # nine clusters have a provisional successor
        "identifier": 359,
        "population": 493,
        "boundary": 0,  # files of an operator's own, none is bundled
        "relationship": 2241,
        "leadprovider": 16,
        "succession": 467 + 20,  # without RX5's; the clusters' members
        "move": register_moves(),
    }
    for model in RECORDED:
        assert not model.objects.exclude(asserted_by=register).exists()
        assert not model.objects.exclude(retracted_by=None).exists()


def register_moves():
    """Of the moves, the tests of events say which they are."""
    read = bundle.read()
    return sum(len(event.moves) for event in (*events.group(read), *events.clusters(read)))


def test_the_report_says_what_was_read_written_and_not_placed(empty_register):
    out = said()

    assert out.startswith("Release ")
    assert "The NHS in England, 2013 to November 2026" in out
    assert "  read       2,214 versions\n" in out
    assert "  wrote      2,223 version\n" in out
    assert "  read         468 successions\n" in out
    assert (
        "  not placed: successions.csv, line 420: RX5 has no organisation row (gaps.csv)\n" in out
    )
    assert "  anomaly: older than what its parent is: 1,324\n" in out
    assert "retracted" not in out


def test_every_anomaly_is_listed_when_asked_for(empty_register):
    out = said("--findings")

    assert "      successions.csv, line 435: RY1's succession is dated 2018-03-31" in out
    assert out.count("\n      ") == Finding.objects.filter(severity="anomaly").count()


def test_loading_again_changes_nothing(register, whole_database):
    before = whole_database()

    out = said()

    assert out.startswith("The register is up to date: 6,137 rows read.\n")
    assert "not placed: successions.csv, line 420" in out
    assert whole_database() == before


def test_loading_thrice_in_one_transaction_is_no_harm(register):
    for _ in range(3):
        report = load_bundle(bundle.read())
        assert report.release is None
        assert report.changed == 0


def test_a_whole_body_that_passes_passes_whole_and_an_unknown_share_stays_unknown(register):
    def shares(code):
        rows = Succession.objects.filter(predecessor__code=code, passes="area", becomes=None)
        return set(rows.values_list("share", flat=True))

    assert shares("09C") == {Decimal(1)}
    assert shares("QNQ") == {Decimal("0.588619"), Decimal("0.229339"), Decimal("0.182042")}
    assert shares("RW6") == {None}
    assert shares("RYK") == {None}  # a closure passes nothing


def test_a_kind_is_what_the_bundle_says(register):
    assert Kind.objects.count() == 26
    icb, sub_icb = Kind.objects.get(code="icb"), Kind.objects.get(code="sub_icb")

    assert (icb.name, icb.is_legal_body) == ("ICB", True)
    assert (sub_icb.plural, sub_icb.is_legal_body) == ("Sub-ICB locations", False)


def test_an_organisation_has_its_place_and_nothing_else(register):
    kent = Organisation.objects.get(code="91Q")

    assert (round(kent.longitude), round(kent.latitude)) == (1, 51)
    assert not kent.is_provisional
    assert set(
        Organisation.objects.filter(is_provisional=True).values_list("code", flat=True)
    ) == {row.code for row in bundle.read().clusters}


# --- Only what changed --------------------------------------------------------------------------


@pytest.mark.usefixtures("empty_register")
class TestAChangedFolder:
    def test_a_new_row_is_asserted_and_nothing_else(self, folder, register_says):
        load(folder)
        before = register_says()
        folder.add("versions.csv", "Z9Z9Z,icb,NHS Somewhere ICB,2024-04-01,,,,")

        report = load(folder)

        assert nonzero(report.written) == {"version": 1}
        assert nonzero(report.retracted) == {}
        (life,) = Version.objects.filter(asserted_by=report.release)
        assert (life.organisation.code, life.opened_on) == ("Z9Z9Z", date(2024, 4, 1))
        after = register_says()
        assert [row for row in after["version"] if row not in before["version"]] == [
            row for row in register_says()["version"] if life.organisation_id in row
        ]
        assert load(folder).release is None

    def test_a_changed_row_is_retracted_and_asserted_anew(self, folder):
        load(folder)
        folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Kent")

        report = load(folder)

        assert nonzero(report.written) == nonzero(report.retracted) == {"version": 1}
        lives = Version.objects.filter(organisation__code="91Q", kind="sub_icb")
        assert [
            (life.name, life.asserted_by_id, life.retracted_by_id) for life in lives.order_by("pk")
        ] == [
            ("NHS Kent and Medway ICB - 91Q", report.release.pk - 1, report.release.pk),
            ("Kent", report.release.pk, None),
        ]

    @pytest.mark.parametrize(
        ("file", "start", "table"),
        [
            ("relationships.csv", "APC-02,covers", "relationship"),
            ("identifiers.csv", "Y56,", "identifier"),
            ("populations.csv", "09C,2018", "population"),
            ("lead_providers.csv", "PC-02", "leadprovider"),
            ("successions.csv", "2021-10-01,split,RW6,RM3", "succession"),
        ],
    )
    def test_a_removed_row_is_retracted_and_comes_back(
        self, folder, file, start, table, register_says, all_that_was_known
    ):
        load(folder)
        whole = register_says()
        line = folder.remove(file, start)
        report = load(folder)
        # The rest of a body that was split is the whole: its share is known now.
        again = {table: 1} if table == "succession" else {}
        assert nonzero(report.retracted) == {table: 1 + len(again)}
        assert nonzero(report.written) == again
        known = all_that_was_known()
        folder.add(file, line)

        back = load(folder)

        assert nonzero(back.written) == {table: 1 + len(again)}
        assert nonzero(back.retracted) == again
        assert register_says() == whole
        assert {key: register_says(key) for key in known} == known

    def test_a_note_is_part_of_a_fact(self, folder):
        load(folder)
        folder.change("relationships.csv", "APC-02,covers", "public document", "a document")

        report = load(folder)

        assert nonzero(report.written) == nonzero(report.retracted) == {"relationship": 1}

    def test_rows_in_another_order_are_the_same_facts(self, folder):
        load(folder)
        for stem in ("versions", "relationships", "successions", "places"):
            header, *lines = folder.lines(f"{stem}.csv")
            folder.rewrite(f"{stem}.csv", [header, *reversed(lines)])

        assert load(folder).release is None

    def test_a_place_that_moves_moves(self, folder):
        load(folder)
        folder.change("places.csv", "09C,", "51.", "50.")
        load(folder)

        assert int(Organisation.objects.get(code="09C").latitude) == 50

    def test_a_released_day_never_runs_backwards(self, folder):
        later = make.release(applied_at=now().replace(year=2030))

        report = load(folder)

        assert report.release.applied_at >= later.applied_at

    def test_what_people_wrote_of_an_event_stays(self, folder):
        load(folder)
        event = Reorganisation.objects.get(slug="91q-2020-04-01")
        Reorganisation.objects.filter(pk=event.pk).update(title="Kent, at last")
        folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Kent")
        load(folder)

        event.refresh_from_db()
        assert event.title == "Kent, at last"
        assert event.steps.count() == 1

    def test_an_event_whose_facts_change_is_to_be_flagged_anew_and_no_other(self, folder):
        load(folder)
        Reorganisation.objects.update(revision=5, flagged_revision=5)
        folder.change("successions.csv", "2026-04-01,split,QNQ,QRL", "0.229339", "0.229338")
        folder.change("successions.csv", "2026-04-01,split,QNQ,S0E4D", "0.588619", "0.588620")
        load(folder)

        (event,) = Reorganisation.objects.unflagged()
        assert event.successions.now().filter(predecessor__code="QNQ").count() == 3
        assert event.revision == 6

    def test_a_provisional_code_that_is_given_a_life_is_decided(self, folder):
        """A steward's own code for what was announced; the publisher then uses the same."""
        make.organisation("Z9Z9Z", is_provisional=True)
        folder.add("versions.csv", "Z9Z9Z,icb,NHS Somewhere ICB,2024-04-01,,,,")
        load(folder)

        assert not Organisation.objects.get(code="Z9Z9Z").is_provisional
        assert load(folder).release is None

    def test_a_cluster_that_a_steward_decided_stays_decided(self, folder):
        load(folder)
        Organisation.objects.filter(code="P-QJK-QT6").update(is_provisional=False)
        load(folder)

        assert not Organisation.objects.get(code="P-QJK-QT6").is_provisional

    def test_the_first_step_of_an_event_names_its_evidence(self, folder):
        load(folder)

        (step,) = Step.objects.filter(reorganisation__slug="91q-2020-04-01")
        assert step.state == "effective"
        assert step.source
        assert step.by is None


def nonzero(counts):
    return {name: rows for name, rows in counts.items() if rows}


# --- Beside other sources -----------------------------------------------------------------------


@pytest.mark.usefixtures("empty_register")
class TestBesideEntries:
    @pytest.fixture
    def steward(self):
        return make.user(role="steward")

    @pytest.fixture
    def life(self, folder):
        load(folder)
        return Version.objects.get(organisation__code="91Q", kind="sub_icb")

    def correct(self, life, name, by):
        corrected = Version.objects.get(pk=life.pk)
        corrected.name = name
        return enter_fact(corrected, by=by, replaces=life)

    def test_a_correction_by_hand_outlives_the_same_bundle(self, folder, life, steward):
        entered = self.correct(life, "Kent", steward)

        assert load(folder).release is None
        assert list(life.organisation.versions.now().filter(kind="sub_icb")) == [entered]

    def test_a_bundle_that_says_otherwise_is_refused_and_leaves_no_trace(
        self, folder, life, steward, whole_database
    ):
        self.correct(life, "Kent", steward)
        folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Medway")
        folder.add("versions.csv", "Z9Z9Z,icb,NHS Somewhere ICB,2024-04-01,,,,")
        before = whole_database()

        with pytest.raises(CommandError, match=r"Nothing was loaded. Another source holds") as no:
            call_command("load_register", str(folder.path))

        assert isinstance(no.value.__cause__, Contradiction)
        assert whole_database() == before

    def test_a_bundle_that_comes_to_say_what_was_entered_lets_the_entry_stand(
        self, folder, life, steward
    ):
        entered = self.correct(life, "Medway", steward)
        folder.change("versions.csv", "91Q,sub_icb", "NHS Kent and Medway ICB - 91Q", "Medway")

        load(folder)

        assert list(life.organisation.versions.now().filter(kind="sub_icb")) == [entered]

    def test_a_fact_withdrawn_by_hand_stays_withdrawn(self, folder, life, steward):
        withdraw_facts([life], by=steward)

        assert load(folder).release is None
        assert not life.organisation.versions.now().filter(kind="sub_icb").exists()

    def test_a_bundle_that_drops_what_was_withdrawn_anyway_is_no_release(
        self, folder, life, steward
    ):
        withdraw_facts([life], by=steward)
        folder.remove("versions.csv", "91Q,sub_icb")

        for _ in range(2):
            assert load(folder).release is None

    def test_a_bundle_takes_back_what_an_undo_restored(self, folder, life, steward):
        withdrawn = withdraw_facts([life], by=steward)
        folder.remove("versions.csv", "91Q,sub_icb")
        load(folder)
        undo_release(withdrawn)  # the fact stands again, though the bundle dropped it meanwhile

        report = load(folder)

        assert nonzero(report.retracted) == {"version": 1}
        assert load(folder).release is None
        assert not life.organisation.versions.now().filter(kind="sub_icb").exists()

    def test_what_was_dropped_after_an_undone_entry_may_come_back(
        self, folder, life, steward, register_says
    ):
        whole = register_says()
        undo_release(withdraw_facts([life], by=steward))
        line = folder.remove("versions.csv", "91Q,sub_icb")
        load(folder)
        folder.add("versions.csv", line)

        report = load(folder)

        assert nonzero(report.written) == {"version": 1}
        assert register_says() == whole

    def test_facts_of_others_are_left_alone(self, folder, life, steward):
        mine = make.body("Z9Z9Z")
        folder.remove("versions.csv", "91Q,sub_icb")

        load(folder)

        assert mine.versions.now().exists()


# --- The published tables -----------------------------------------------------------------------


def closing(last):
    return date.fromordinal(date.fromisoformat(last).toordinal() + 1) if last else None


def opening(first):
    return date.fromisoformat(first) if first else None


@pytest.fixture
def table(shared):
    def rows(name):
        with (shared / "register" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return rows


def equal(found, expected):
    found, expected = Counter(found), Counter(expected)
    assert found - expected == Counter()
    assert expected - found == Counter()


def test_the_versions_are_the_published_organisations(register, table):
    ours = Q(kind__family__in=["committee", "collaborative"]) | Q(kind="nation")
    rows = Version.objects.exclude(ours).decided()
    equal(
        rows.values_list("organisation__code", "kind", "name", "opened_on", "closed_on", "source"),
        (
            (
                r["code"],
                r["kind"],
                written(r["name"]),
                opening(r["opened"]),
                closing(r["closed"]),
                r["source"],
            )
            for r in table("organisations")
        ),
    )
    # Another spelling of the same letters, in capitals or not.
    published = {(r["code"], r["kind"]): r["name"] for r in table("organisations")}
    for code, kind, name in rows.values_list("organisation__code", "kind", "name"):
        assert name.casefold() == " ".join(published[code, kind].split()).casefold()


def test_the_relationships_are_the_published_memberships(register, table):
    rows = Relationship.objects.filter(type__in=["part_of", "member_of"])
    rows = rows.exclude(parent__versions__kind="nation")
    equal(
        rows.values_list(
            "child__code", "parent__code", "type", "opened_on", "closed_on", "source", "note"
        ),
        (
            (
                r["child_code"],
                r["parent_code"],
                "member_of" if r["child_kind"] == "trust" else "part_of",
                opening(r["from"]),
                closing(r["to"]),
                r["source"],
                r["note"],
            )
            for r in table("memberships")
        ),
    )


def test_every_region_and_health_board_is_part_of_its_nation(register):
    def parts(nation):
        rows = Relationship.objects.filter(parent__code=nation, type="part_of")
        return dict(Counter(rows.values_list("child__versions__kind", flat=True)))

    assert parts("E92000001") == {"region": 10}
    assert parts("W92000004") == {"health_board_wales": 7}
    assert parts("S92000003") == {"health_board_scotland": 14}
    assert parts("N92000002") == {"hsc_trust_ni": 5}
    day = date(2026, 11, 21)
    assert Relationship.objects.live(day).filter(parent__code="E92000001").count() == 7
    # ONS gives a nation its code; it is nine letters long, and no ODS code is.
    for nation in Organisation.objects.filter(versions__kind="nation"):
        assert nation.identifiers.get().value == nation.code
        assert len(nation.code) == 9


# Some trusts' successions carry the predecessor's last day.
LAST_DAYS = {"RVL", "RY1", "RR1", "R1E", "RGQ", "RJF"}


def test_the_successions_are_the_published_ones_but_for_the_one_that_has_no_body(register, table):
    def day(row):
        given = row["effective_date"]
        return closing(given) if row["predecessor_code"] in LAST_DAYS else opening(given)

    published = [r for r in table("successions") if r["predecessor_code"] != "RX5"]
    assert len(published) == len(table("successions")) - 1
    equal(
        Succession.objects.exclude(successor__is_provisional=True).values_list(
            "predecessor__code",
            "successor__code",
            "reorganisation__effective_on",
            "passes",
            "becomes",
            "source",
        ),
        (
            (
                r["predecessor_code"],
                r["successor_code"] or None,
                day(r),
                "functions" if r["kind"] == "transfer" else "area",
                r["successor_kind"] if r["kind"] == "rename" else None,
                r["source"],
            )
            for r in published
        ),
    )


def test_the_shares_of_a_split_are_the_published_weights(register, table):
    weights = {
        (r["predecessor_code"], r["successor_code"]): round(Decimal(found[1]), 6)
        for r in table("successions")
        if (found := re.search(r"population weight ([\d.]+)", r["note"]))
    }
    assert len(weights) == 3
    for (old, new), weight in weights.items():
        assert Succession.objects.get(predecessor__code=old, successor__code=new).share == weight


def test_the_populations_are_the_published_ones(register, table):
    regions = {r["gss_code"]: r["code"] for r in table("organisations") if r["kind"] == "region"}
    equal(
        Population.objects.values_list("organisation__code", "year", "people", "source"),
        (
            (
                regions.get(r["code"], r["code"]),
                int(r["year"]),
                int(r["population"]),
                r["source"],
            )
            for r in table("populations")
        ),
    )


def test_a_figure_belongs_to_the_boundary_of_its_level(register, table):
    """The same code and year has two figures where its boundary changed."""
    days = {}
    for row in table("populations"):
        days.setdefault((row["level"], row["year"]), set()).update(
            Population.objects.filter(
                organisation__code=row["code"], people=row["population"]
            ).values_list("boundary_on", flat=True)
        )
    assert days["icb", "2019"] == {JULY_2022}
    assert date(2026, 4, 1) in days["icb_2026", "2019"]
    assert date(2026, 4, 1) in days["sub_icb_2026", "2019"]


def test_the_places_are_the_published_ones(register, table):
    equal(
        Organisation.objects.exclude(longitude=None).values_list("code", "longitude", "latitude"),
        ((r["code"], float(r["longitude"]), float(r["latitude"])) for r in table("places")),
    )


def test_the_identifiers_are_the_ones_a_code_had_on_each_published_day(register, table):
    known = {}
    for code, value, opened_on, closed_on in Identifier.objects.values_list(
        "organisation__code", "value", "opened_on", "closed_on"
    ):
        known.setdefault(code, []).append((value, opened_on, closed_on))
    missing = [
        (row["code"], row["as_at"], row["gss_code"])
        for row in table("gss_history")
        if not any(
            value == row["gss_code"]
            and (opened_on is None or opened_on <= opening(row["as_at"]))
            and (closed_on is None or closed_on > opening(row["as_at"]))
            for value, opened_on, closed_on in known.get(row["code"], [])
        )
    ]

    # One source dates its newest codes to 2013: two boundaries, and one body, were still to come.
    assert missing == [
        ("09G", "2013-04-01", "E38000213"),
        ("09N", "2013-04-01", "E38000214"),
        ("13T", "2013-04-01", "E38000212"),
    ]


def test_the_lead_providers_are_the_published_ones(register, table):
    names = dict(
        Version.objects.filter(kind="provider_collaborative").values_list("organisation", "name")
    )
    equal(
        (
            (names[collaborative], *rest)
            for collaborative, *rest in LeadProvider.objects.values_list(
                "collaborative",
                "service_line",
                "provider__code",
                "opened_on",
                "evidence",
                "source",
            )
        ),
        (
            (
                r["collaborative"],
                r["service_line"],
                r["lead_provider_code"],
                opening(r["live_from"]),
                r["evidence"],
                r["source_url"],
            )
            for r in table("lead_providers")
        ),
    )
    equal(
        Relationship.objects.filter(type="serves").values_list("child", "parent__code"),
        (
            (next(key for key, name in names.items() if name == r["collaborative"]), code)
            for r in table("lead_providers")
            for code in filter(None, r["covers_codes"].split(";"))
        ),
    )


def test_the_committees_cover_what_is_published(register, table):
    committees = Version.objects.filter(kind__family="committee")
    equal(
        committees.values_list("name", "kind", "opened_on", "closed_on", "source"),
        (
            (r["name"], r["level"], opening(r["from"]), closing(r["to"]), r["source"])
            for r in table("apcs")
        ),
    )
    names = dict(committees.values_list("organisation", "name"))
    equal(
        (
            (names[child], *rest)
            for child, *rest in Relationship.objects.filter(type="covers").values_list(
                "child", "parent__code", "opened_on", "closed_on"
            )
        ),
        (
            (r["name"], code, opening(r["from"]), closing(r["to"]))
            for r in table("apcs")
            for code in filter(None, r["covers_codes"].split(";"))
        ),
    )


def test_the_clusters_are_the_published_ones(register, table):
    clusters = {
        event.title.split(":")[0]: event
        for event in Reorganisation.objects.filter(effective_on=date(2027, 4, 1))
    }
    rows = table("icb_clusters")
    assert set(clusters) == {row["cluster"] for row in rows}
    for row in rows:
        event = clusters[row["cluster"]]
        members = event.successions.values_list("predecessor__code", flat=True)
        (step,) = event.steps.all()
        assert set(members) == set(row["icb_codes"].split(";"))
        assert step.checked_on == opening(row["checked_on"])
        assert step.source == row["source"]
        assert row["state"].casefold() in step.reason.casefold()
        assert event.state == ("proposed" if "merger planned" in row["state"] else "rumoured")


# --- At once ------------------------------------------------------------------------------------


def in_a_thread(deed, *args):
    """Do it on a connection of its own, as another process would."""
    try:
        return deed(*args)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_six_that_load_at_once_make_the_same_rows_once(register_says):
    """Real connections, real commits: whoever comes second finds the work done."""
    if not Release.objects.exists():
        load_bundle(bundle.read())
    expected = register_says()
    release = Release.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE footprints_release, footprints_organisation, footprints_kind, "
            "footprints_reorganisation RESTART IDENTITY CASCADE"
        )
    read = bundle.read()

    with ThreadPoolExecutor(6) as threads:
        loads = [threads.submit(in_a_thread, load_bundle, read) for _ in range(6)]
        reports = [load.result() for load in loads]

    assert sorted(report.release is None for report in reports) == [False] + [True] * 5
    assert Release.objects.get().sha256 == release.sha256
    assert {name: len(rows) for name, rows in register_says().items()} == {
        name: len(rows) for name, rows in expected.items()
    }
    assert Finding.objects.count() == len(reports[0].findings)
    assert Step.objects.count() == Reorganisation.objects.count()
    assert Version.objects.census(date(2020, 4, 1))["ccg"] == 135
