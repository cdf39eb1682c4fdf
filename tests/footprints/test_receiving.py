"""Reports from their arrival to their release: real files, in any order, and back again."""

import io
import random
from datetime import date

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footprints.models import OrganisationKey, Relationship, Release, Report, Version
from footprints.services.receiving import (
    CannotApply,
    Received,
    apply_report,
    discard_report,
    preview_report,
    reasons_to_ask,
    receive_report,
)
from footprints.services.releases import RECORDED, content, undo_release

COUNTS = {  # day: CCGs, systems (STPs or ICBs), regions, sub-ICB locations, as the facts say
    date(2013, 4, 1): ("ccg", 211),
    date(2015, 4, 1): ("ccg", 209),
    date(2017, 4, 1): ("stp", 44),
    date(2018, 4, 1): ("region", 5),
    date(2019, 4, 1): ("stp", 42),
    date(2020, 3, 31): ("ccg", 191),
    date(2020, 4, 1): ("ccg", 135),
    date(2021, 4, 1): ("ccg", 106),
    date(2022, 7, 1): ("sub_icb", 106),
    date(2026, 3, 31): ("icb", 42),
    date(2026, 4, 1): ("icb", 36),
}
FILES = (
    "eccg_2025-12.csv",
    "etr_2022-03.csv",
    "etr_2025-12.csv",
    "ePCN_2023-02.xlsx",
    "epraccur_2019-12.csv",
    "epraccur_2025-11.csv",
    "gp-reg-pat-prac-map_2022-01.csv",
    "CCG_to_STP_to_NHSER_April_2021.csv",
)


@pytest.fixture(autouse=True)
def _register(register, tmp_path, settings):
    """Files of a test are kept apart, and go with it."""
    reports = {**settings.STORAGES["reports"], "OPTIONS": {"location": tmp_path / "reports"}}
    settings.STORAGES = {**settings.STORAGES, "reports": reports}


def receive(raw: bytes, name="report.csv", **fields) -> Report:
    fields = {"via": Report.Via.COMMAND, **fields}
    return receive_report(io.BytesIO(raw), name=name, **fields)


def take_in(raw: bytes, name="report.csv", **fields) -> Release:
    return apply_report(receive(raw, name, **fields))


def known_now(release: int | None = None) -> dict:
    """A checksum of each table of facts, without keys and releases; bodies by their codes."""
    found = {}
    with connection.cursor() as cursor:
        for model in RECORDED:
            stated = [
                f"{field.name}__code" if isinstance(field, OrganisationKey) else field.attname
                for field in model._meta.local_fields
                if field.column in content(model)
            ]
            queryset = model.objects.known(release).order_by().values_list(*stated)
            sql, params = queryset.query.sql_with_params()
            cursor.execute(
                "SELECT count(*), coalesce(sum(hashtextextended(fact::text, 0)::numeric), 0) "
                f"FROM ({sql}) AS fact",
                params,
            )
            found[model] = cursor.fetchone()
    return found


def census(day: date) -> dict[str, int]:
    return Version.objects.census(day)


def the_counts_hold():
    for day, (kind, count) in COUNTS.items():
        assert census(day)[kind] == count, day


# --- Made files ---------------------------------------------------------------------------------


def practices(*rows: dict) -> bytes:
    """A file of practices as ODS lays it out: 27 columns, every field quoted."""
    lines = []
    for row in rows:
        cells = [""] * 27
        cells[0], cells[1] = row["code"], row.get("name", "THE SURGERY")
        cells[2], cells[3] = "Y61", "QKS"
        cells[9], cells[10] = row.get("postcode", "ME1 1AA"), row.get("opened", "19740401")
        cells[11], cells[12] = row.get("closed", ""), "C" if row.get("closed") else "A"
        cells[13], cells[14], cells[15] = "B", row.get("ccg", "91Q"), row.get("joined", "20200401")
        cells[16], cells[21], cells[23], cells[25] = row.get("left", ""), "0", row["code"][:3], "4"
        lines.append(",".join(f'"{cell}"' for cell in cells) + "\r\n")
    return "".join(lines).encode()


# --- Receiving ----------------------------------------------------------------------------------


def test_a_file_is_kept_as_it_came():
    raw = practices({"code": "G99001"})

    report = receive(raw, name="..\\some\\where/epraccur.csv")

    assert (report.name, report.size, report.state) == ("epraccur.csv", len(raw), "received")
    with report.file.open("rb") as kept:
        assert kept.read() == raw


def test_the_same_file_twice_is_one_report_until_it_is_undone_or_set_aside():
    raw = practices({"code": "G99001"})
    report = receive(raw)
    with pytest.raises(Received):
        receive(raw)

    release = apply_report(report)
    with pytest.raises(Received, match="applied"):
        receive(raw)

    undo_release(release)
    again = receive(raw)
    discard_report(again, by=None)
    assert receive(raw).pk > again.pk


def test_what_is_applied_is_not_set_aside():
    report = receive(practices({"code": "G99001"}))
    apply_report(report)

    with pytest.raises(CannotApply):
        discard_report(report, by=None)


def test_applying_twice_applies_once():
    report = receive(practices({"code": "G99001"}))

    assert apply_report(report) == apply_report(report)
    assert Release.objects.filter(report=report).count() == 1


def test_a_preview_says_what_applying_does_and_leaves_no_trace():
    before = known_now()
    report = preview_report(
        receive(practices({"code": "G99001"}, {"code": "G99002", "ccg": "12G"}))
    )

    assert known_now() == before
    assert not Version.objects.filter(organisation__code="G99001").exists()
    assert report.state == Report.State.PREVIEWED
    assert report.preview["read"]["lines"] == 2
    counts = {each["model"]: each["new"] for each in report.preview["facts"]}
    assert counts == {"version": 2, "relationship": 1, "identifier": 2}
    assert report.preview["unplaced"]["topics"] == {"unknown organisation": 1}
    (found,) = report.preview["unplaced"]["examples"]
    assert (found["line"], found["code"]) == (2, "12G")

    release = apply_report(report)

    report.refresh_from_db()
    assert report.state == Report.State.APPLIED
    assert {each["model"]: each["new"] for each in report.preview["facts"]} == counts
    assert release.findings.count() == 1


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03" * 50, ""),
        (b"a,b,c\n1,2,3\n", "No report that is known"),
    ],
)
def test_a_file_that_is_no_report_is_refused_with_the_reason(raw, says):
    before = known_now()

    report = preview_report(receive(raw))

    assert report.state == Report.State.REFUSED
    assert says in report.error
    assert report.error.endswith(".")
    assert known_now() == before
    with pytest.raises(CannotApply):
        apply_report(report)


def test_a_steward_is_asked_beyond_the_operators_limits():
    rows = [{"code": f"G99{number:03}"} for number in range(20)]
    take_in(practices(*rows), about_on=date(2027, 3, 1))
    renamed = [{**row, "name": "ANOTHER NAME"} for row in rows]

    report = preview_report(receive(practices(*renamed), about_on=date(2027, 1, 1)))
    assert any("Other reports" in reason for reason in reasons_to_ask(report))

    closed = practices({**rows[0], "closed": "20270101"}, *rows[1:])
    fine = preview_report(receive(closed, about_on=date(2027, 6, 1)))
    with override_settings(REPORT_LIMITS={"unplaced": 0.1, "anomalies": 1000, "changed": 0.5}):
        fine = preview_report(fine)
        assert [each for each in reasons_to_ask(fine) if "Newer" not in each] == []
    with override_settings(REPORT_LIMITS={"unplaced": 0.1, "anomalies": 1000, "changed": 0.01}):
        fine = preview_report(fine)
        assert any("changes or ends" in each for each in reasons_to_ask(fine))


# --- In order of days ---------------------------------------------------------------------------


def test_older_news_never_overwrites_newer():
    old = practices({"code": "G99001", "name": "OLD", "ccg": "10A", "joined": "20130401"})
    new = practices({"code": "G99001", "name": "NEW", "ccg": "91Q", "joined": "20200401"})
    take_in(new, about_on=date(2025, 11, 1))

    release = take_in(old, about_on=date(2019, 12, 1))

    lives = Version.objects.now().filter(organisation__code="G99001").order_by("opened_on")
    assert [(v.name, v.opened_on, v.closed_on) for v in lives] == [
        ("OLD", date(1974, 4, 1), date(2025, 11, 1)),
        ("NEW", date(2025, 11, 1), None),
    ]
    places = Relationship.objects.now().filter(child__code="G99001").order_by("opened_on")
    assert [(r.parent.code, r.closed_on) for r in places] == [
        ("10A", date(2020, 4, 1)),
        ("91Q", None),
    ]
    # In order of pk the releases that stand are in order of day.
    standing = Release.objects.standing().exclude(report=None).order_by("pk")
    assert [r.published_on for r in standing] == [date(2019, 12, 1), date(2025, 11, 1)]
    assert release.report.preview["later"][0]["about_on"] == "2025-11-01"


def test_news_that_confirms_counts_against_older_news_that_does_not():
    """What the newest report said again is not overwritten by one from before it."""
    row = {"code": "G99001", "ccg": "91Q"}
    take_in(practices(row), about_on=date(2020, 5, 1))
    take_in(practices(row, {"code": "G99002"}), about_on=date(2025, 5, 1))

    other = {"code": "G99001", "ccg": "97R", "joined": "20220401"}
    take_in(practices(other), about_on=date(2022, 5, 1))

    (place,) = Relationship.objects.now().filter(child__code="G99001")
    assert (place.parent.code, place.opened_on, place.closed_on) == ("91Q", date(2020, 4, 1), None)


CODES = ["G99001", "G99002", "G99003"]
ROWS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["ONE", "TWO", "THREE"]),
        "ccg": st.sampled_from(["91Q", "97R", "70F", "12G"]),
        "joined": st.sampled_from(["20150401", "20200401", "20210401"]),
        "postcode": st.sampled_from(["ME1 1AA", "ME2 2BB"]),
        "closed": st.sampled_from(["", "", "20220331"]),
    }
)
REPORTS = st.lists(
    st.dictionaries(st.sampled_from(CODES), ROWS, min_size=1), min_size=2, max_size=4
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=REPORTS, seed=st.integers(0, 1000))
def test_reports_in_any_order_make_one_register_and_undone_in_reverse_leave_none(reports, seed):
    from django.db import transaction

    files = [
        (practices(*({"code": code, **row} for code, row in sorted(rows.items()))), year)
        for year, rows in enumerate(reports, start=2019)
    ]
    order = random.Random(seed).sample(files, len(files))
    results = []
    for sequence in (files, order):
        with transaction.atomic():
            start = known_now()
            moments = {}
            for raw, year in sequence:
                # The same rows in two years are two reports: their bytes differ by a blank line.
                take_in(raw + b"\r\n" * (year - 2019), about_on=date(year, 12, 1))
                newest = Release.objects.latest("pk").pk
                moments[newest] = known_now()
            results.append(known_now())
            for release in Release.objects.standing().exclude(report=None).order_by("-pk"):
                undo_release(release)
            assert known_now() == start
            for newest, was in moments.items():
                assert known_now(newest) == was
            transaction.set_rollback(True)

    assert results[0] == results[1]


# --- Real files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("orders", [(FILES, FILES[::-1])], ids=["both ways"])
def test_real_files_make_the_same_register_in_either_order_and_the_counts_hold(orders, shared):
    from django.db import transaction

    results = []
    for order in orders:
        with transaction.atomic():
            start = known_now()
            for name in order:
                take_in((shared / "ods" / name).read_bytes(), name)
                the_counts_hold()
            results.append(known_now())
            for release in Release.objects.standing().exclude(report=None).order_by("-pk"):
                undo_release(release)
            assert known_now() == start
            the_counts_hold()
            transaction.set_rollback(True)

    assert results[0] == results[1]
    assert results[0][Version][0] > 19_000


# --- The next file of the same report -----------------------------------------------------------


def test_the_next_file_is_read_where_it_differs_and_makes_the_same_register(monkeypatch):
    from django.db import transaction

    from footprints.reports.classic import Practices

    rows = [{"code": f"G99{number:03}"} for number in range(9)]
    first = practices(*rows, {"code": "G99900"})
    second = practices(*rows[:-1], {**rows[-1], "name": "ANOTHER NAME"}, {"code": "G99901"})
    results, lives = [], []
    for compares in (True, False):
        monkeypatch.setattr(Practices, "compares", compares)
        with transaction.atomic():
            take_in(first, about_on=date(2025, 1, 1))
            release = take_in(second, about_on=date(2025, 2, 1))
            results.append((known_now(), sorted(release.findings.values_list("topic", "code"))))
            read = release.report.preview["read"]
            assert read["lines"] == 10
            lives.append(read["life"])
            transaction.set_rollback(True)

    assert lives == [2, 10]
    assert results[0] == results[1]
    assert ("no longer named", "G99900") in results[0][1]


def test_the_next_file_is_read_whole_where_other_news_came_in_between():
    row = {"code": "G99001", "ccg": "91Q"}
    take_in(practices(row), about_on=date(2020, 5, 1))
    # The practice map says otherwise, later; the next file says again what the first one said.
    header = (
        "PUBLICATION,EXTRACT_DATE,PRACTICE_CODE,PRACTICE_NAME,PRACTICE_POSTCODE,PCN_CODE,PCN_NAME,"
        "ONS_CCG_CODE,CCG_CODE,CCG_NAME,ONS_STP_CODE,STP_CODE,STP_NAME,ONS_COMM_REGION_CODE,"
        "COMM_REGION_CODE,COMM_REGION_NAME"
    )
    line = (
        "GP_PRAC_PAT_LIST,01Jan2022,G99001,THE SURGERY,ME1 1AA,U00070,WEST MERTON PCN,E38000000,"
        "97R,NHS East Sussex CCG,E54000064,QNX,Sussex,E40000005,Y59,South East"
    )
    take_in(f"{header}\n{line}\n".encode())
    assert Relationship.objects.now().filter(child__code="G99001", parent__code="97R").exists()
    release = take_in(practices(row, {"code": "G99002"}), about_on=date(2023, 5, 1))

    assert release.report.preview["read"]["life"] == 2
    (place,) = Relationship.objects.now().filter(child__code="G99001", type="part_of")
    assert place.parent.code == "91Q"
