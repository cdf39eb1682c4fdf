"""What changed since the file before, read alone: the same claims as a whole read makes of it."""

from datetime import date
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprints.reports import BadLine, Bond, Doubt, Label, Life, Missing, Passing
from footprints.reports.limits import Unreadable
from footprints.reports.opening import opened
from footprints.reports.recognising import READERS, recognise
from tests.footprints.reports.fullfile import days, full_file, practice, record, rel, role, succ
from tests.footprints.reports.made import zipped
from tests.footprints.reports.test_classic import line
from tests.footprints.reports.test_classic import practice as practice_line

EARLIER, DAY = date(2026, 7, 30), date(2026, 8, 27)
CODES = ["A81001", "A81002", "M85171", "RJY", "RXK"]


class Files:
    """Two files after one another, and what is read of the second."""

    def __init__(self, folder):
        self.before, self.now = folder / "before", folder / "now"

    def changed(self, day=DAY, before_on=None):
        """Claims of what changed, and how many records the file has."""
        with opened(self.before) as before, opened(self.now) as now:
            reader = recognise(now)
            return list(reader.claims(day, before, before_on)), reader.read

    def whole(self, path=None, day=DAY):
        with opened(path or self.now) as document:
            reader = recognise(document)
            return list(reader.claims(day)), reader.read

    def write(self, before, now):
        for path, content in ((self.before, before), (self.now, now)):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def xml(*records, published=DAY, **more):
    return "".join(full_file(records, published=published.isoformat(), **more))


def csv(*lines, end="\r\n"):
    return "".join(f"{text}{end}" for text in lines)


def claims(found):
    """Without what is counted or paired over several records."""
    return [c for c in found if not isinstance(c, Missing | Passing) and getattr(c, "code", True)]


def said_of(found):
    """Claims by the code they are about, whatever their lines."""

    def about(claim):
        return claim.child if isinstance(claim, Bond) else claim.code

    ordered = sorted(claims(found), key=about)
    return {
        code: [
            tuple(getattr(c, name) for name in type(c).__slots__ if name != "line") for c in said
        ]
        for code, said in groupby(ordered, about)
    }


def holds_together(files, day=DAY, before_on=EARLIER):
    """The claims of what changed are those of the whole, in order, and none is left out."""
    found, number = files.changed(day, before_on)
    whole, all_of_them = files.whole(day=day)
    earlier, _ = files.whole(files.before, before_on)
    assert number == all_of_them
    rest = iter(claims(whole))
    assert all(claim in rest for claim in claims(found))
    now, before, news = said_of(whole), said_of(earlier), said_of(found)
    for code, said in now.items():
        assert news.get(code, before.get(code)) == said, code
    return found


# --- The full file ------------------------------------------------------------------------------

ONE = practice(postcode="B26 1AT", rels=[rel("RE4", "10R", "RO98", "2013-04-01")])
TWO = practice("A81002", "A SURGERY")
THREE = practice("A81003", "ANOTHER SURGERY")


def test_what_differs_is_read_with_its_number_and_what_is_gone_is_missing(files):
    files.write(
        xml(ONE, TWO, THREE, published=EARLIER),
        xml(TWO, {**ONE, "Name": "ROWLANDS SURGERY"}, practice("A81004", "A NEW SURGERY")),
    )

    assert files.changed() == (
        [
            Life(2, "M85171", "practice", "Rowlands Surgery", date(1974, 4, 1)),
            Bond(2, "commissioner", "M85171", "10R", date(2013, 4, 1)),
            Label(2, "M85171", "postcode", "B26 1AT"),
            Life(3, "A81004", "practice", "A New Surgery", date(1974, 4, 1)),
            Missing(0, "A81003"),
        ],
        3,
    )


def test_expat_is_asked_about_what_differs_only(files, monkeypatch):
    from footprints.reports.odsparser import Parser

    fed, feed = [], Parser.feed
    monkeypatch.setattr(Parser, "feed", lambda self, data: fed.append(data) or feed(self, data))
    many = [practice(f"B{n:05}", "A SURGERY") for n in range(3_000)]
    files.write(xml(*many, published=EARLIER), xml(*many[:-1], ONE))

    found, number = files.changed()

    assert [type(claim) for claim in found] == [Life, Bond, Label, Missing]
    assert found[0].line == number == 3_000
    assert sum(map(len, fed)) < 20_000  # of four megabytes


def test_the_same_file_says_nothing(files):
    files.write(xml(ONE, TWO), xml(ONE, TWO))

    assert files.changed() == ([], 2)


def test_a_record_whose_day_has_come_is_read_again(files):
    former = record(
        "Y07792",
        "THE FORMER SURGERY",
        days("2010-04-01"),
        [role("RO177", "2010-04-01", primary=True), role("RO76", "2014-04-15", "2026-07-31")],
    )
    files.write(xml(former, TWO, published=EARLIER), xml(former, TWO))

    (life,) = holds_together(files)

    assert (life.code, life.kind, life.since) == (
        "Y07792", "prescribing_cost_centre", date(2026, 8, 1),
    )  # fmt: skip
    assert files.changed(before_on=date(2026, 8, 5)) == ([], 2)


def test_a_code_that_stands_there_twice(files):
    again = practice("M85171", "ANOTHER OF THAT CODE")
    files.write(xml(ONE, TWO, published=EARLIER), xml(ONE, TWO, again))
    found, number = files.changed()
    assert Doubt(3, "code published twice", "M85171 was read before.", "M85171") in found
    assert number == 3

    files.write(xml(ONE, TWO, again, published=EARLIER), xml(TWO, again))
    assert holds_together(files) == [
        Life(2, "M85171", "practice", "Another of That Code", date(1974, 4, 1))
    ]


def test_a_record_that_moves_to_the_archive_is_named(files, tmp_path):
    stub = {**ONE, "refOnly": True}
    zipped(files.before, {"full.xml": xml(ONE, TWO, published=EARLIER), "archive.xml": xml(THREE)})
    zipped(files.now, {"full.xml": xml(stub, TWO), "archive.xml": xml(ONE)})

    assert files.changed() == ([Missing(0, "A81003")], 3)

    schema = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'
    zipped(files.now, {"full.xml": xml(stub, TWO), "s.xml": schema, "archive.xml": xml(THREE)})
    assert files.changed()[0] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</Organisations>", ""),
        ("v2-0-0", "v3-0-0"),
        ('Version value="2-0-0"', 'Version value="3-1-0"'),
        ('RecordCount value="3"', 'RecordCount value="4"'),
        ("<Contacts>", "<Contacts>" * 100),
        ("?>\n", '?>\n<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">\n'),
    ],
)
def test_what_is_wrong_is_said_as_of_the_whole(files, old, new):
    file = xml(ONE, TWO, THREE)
    files.write(xml(ONE, TWO, published=EARLIER), file.replace(old, new, 1))

    with pytest.raises(Unreadable) as whole:
        files.whole()
    with pytest.raises(Unreadable) as changed:
        files.changed()
    assert str(changed.value) == str(whole.value)


@pytest.mark.parametrize("size", [300, 2_000, 3_700])
def test_half_a_file_is_refused(files, size):
    files.write(xml(ONE, TWO, published=EARLIER), xml(ONE, TWO, THREE)[:size])

    with pytest.raises(Unreadable, match="half a file"):
        files.changed()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Contacts>", "<!-- </Organisation> --><Contacts>"),
        ("<Contacts>", "<Contacts><![CDATA[</Organisation>]]>"),
        ("<Contacts>", "<?an </Organisation> instruction?><Contacts>"),
        ("</Organisation>", "</Organisation >"),
        ('utf-8"', 'iso-8859-1"'),
        ("<OrgId root", "<OrgId\nroot"),
        ('extension="M85171"', 'extension="&#77;85171"'),
    ],
)
def test_what_is_laid_out_otherwise_is_read_whole(files, old, new):
    """Nothing is left out, though more is said than changed."""
    before, now = xml(ONE, TWO, THREE, published=EARLIER), xml(ONE, TWO)
    for odd in (
        (before.replace(old, new), now),
        (before, now.replace(old, new)),
        (before.replace(old, new), now.replace(old, new)),
    ):
        files.write(*odd)
        found = holds_together(files)
        assert [claim for claim in found if isinstance(claim, Missing)] == [Missing(0, "A81003")]
        assert files.changed()[1] == 2


def test_a_comment_before_the_records_changes_nothing(files):
    note = "<Manifest><!-- Crown copyright <Organisation > -->"
    files.write(
        xml(ONE, TWO, published=EARLIER).replace("<Manifest>", note),
        xml(ONE, THREE).replace("<Manifest>", note),
    )

    found, _ = files.changed()

    assert [(type(claim), claim.code) for claim in found] == [
        (Life, "A81003"),
        (Missing, "A81002"),
    ]


def test_every_tag_may_be_in_the_namespace(files):
    files.write(xml(ONE, TWO, published=EARLIER, prefix="un"), xml(TWO, THREE, prefix="un"))

    found, number = files.changed()

    assert [claim.code for claim in found] == ["A81003", "M85171"]
    assert number == 2


def test_successions_are_told_of_records_that_differ(files):
    old = record("RA3", "WESTON NHS TRUST", days("2000-04-01"), [role("RO197")])
    told = {**old, "Succs": {"Succ": [succ("Successor", "RA7", "2020-04-01", "RO197")]}}
    files.write(xml(old, TWO, published=EARLIER), xml(TWO, told))

    assert files.changed()[0][-1] == Passing(2, "RA3", "RA7", date(2020, 4, 1))


def test_a_file_before_that_cannot_be_read_again_is_named(files):
    files.write(xml(ONE)[:600], xml(ONE))

    with pytest.raises(Unreadable, match="The file before this one cannot be read again"):
        files.changed()


some_day = st.sampled_from(["2019-04-01", "2026-07-29", "2026-07-31", "2026-08-27", "2026-09-01"])
period = st.tuples(st.sampled_from(["2010-04-01", "2026-08-01"]), st.none() | some_day)
code = st.sampled_from(CODES)
role_ids = st.sampled_from(["RO177", "RO76", "RO197", "RO98", "RO319", "RO182"])


@st.composite
def bodies(draw):
    held = draw(st.lists(st.tuples(role_ids, period), max_size=3))
    tied = draw(st.lists(st.tuples(st.sampled_from(["10R", "10J", *CODES]), period), max_size=2))
    made = record(
        draw(st.sampled_from([*CODES, *CODES, "", "a b"])),
        draw(st.sampled_from(["A SURGERY", "A TRUST", ""])),
        days(*draw(period)),
        [role(id, *when, primary=not n) for n, (id, when) in enumerate(held)],
        [rel("RE4", parent, "RO98", *when) for parent, when in tied],
        [succ("Successor", draw(code), "2020-04-01", "RO197")] if draw(st.booleans()) else [],
        postcode=draw(st.sampled_from([None, "B26 1AT"])),
    )
    return {**made, "refOnly": True} if draw(st.integers(0, 5)) == 0 else made


@st.composite
def two_lists(draw, one):
    """A list of things, and what became of it."""
    before = draw(st.lists(one, max_size=5))
    kept = [each for each in before if draw(st.integers(0, 3))]
    return before, draw(st.permutations(kept + draw(st.lists(one, max_size=2))))


@settings(max_examples=300, deadline=None)
@given(two=two_lists(bodies()))
def test_any_two_files(tmp_path_factory, two):
    before, now = two
    files = Files(tmp_path_factory.mktemp("two"))
    files.write(xml(*before, published=EARLIER), xml(*now))

    found = holds_together(files)

    codes = [{b["OrgId"]["extension"] for b in each} - {"", "a b"} for each in (before, now)]
    assert {c.code for c in found if isinstance(c, Missing)} == codes[0] - codes[1]
    # Of codes that stand there once, and no day of which has come: only what differs.
    same = {n for n, each in enumerate(now, 1) if each in before}
    numbers = {c.line for c in claims(found)}
    for number in same & numbers:
        told = now[number - 1]
        mates = [b for b in (*before, *now) if b["OrgId"] == told["OrgId"]]
        assert len(mates) > 2 or "2026-0" in str(told) or _twice(now)


def _twice(bodies):
    held = [b["OrgId"]["extension"] for b in bodies if not b.get("refOnly")]
    return len(held) != len(set(held))


# --- Classic reports ----------------------------------------------------------------------------

FILL = [practice_line(f"A8300{n}", "A SURGERY") for n in range(5)]


def test_rows_are_compared_by_their_cells(files):
    files.write(
        csv(*FILL, practice_line("A81001"), practice_line("A81002")),
        csv(practice_line("A81001", "DENSHAM"), *FILL, "", end="\n").replace('"', ""),
    )

    found, number = files.changed(date(2025, 8, 7))

    assert [(type(claim), claim.line) for claim in found] == [
        (Life, 1), (Bond, 1), (Label, 1), (Missing, 0),
    ]  # fmt: skip
    assert (found[0].name, found[-1].code, number) == ("DENSHAM", "A81002", 6)


def test_a_file_that_tells_welsh_practices_apart_is_read_whole(files):
    welsh = [practice_line(f"W9100{n}", c2="W00", c25="0") for n in range(3)]
    told = practice_line("W91009", c2="W00", c25="4")
    files.write(csv(*FILL, *welsh), csv(*FILL, *welsh, told))

    found = holds_together(files)

    assert {"W91001", "A83001"} <= {getattr(claim, "code", "") for claim in found}


def test_a_line_that_is_no_row_is_named_each_time(files):
    bad = '"A81009","A ""SURGERY","Y63'
    files.write(csv(*FILL, bad), csv(*FILL, bad))

    found, _ = files.changed()

    assert [type(claim) for claim in found] == [BadLine]


classic_day = st.sampled_from(["", "20260731", "20260801", "20260827", "20260901", "2026x"])


@st.composite
def lines(draw):
    return practice_line(
        draw(st.sampled_from(["A81001", "A81002", "A81003", "W91001"])),
        draw(st.sampled_from(["A SURGERY", "THE SURGERY"])),
        c2=draw(st.sampled_from(["Y63", "W00"])),
        c10=draw(st.sampled_from(["19740401", "20260810"])),
        c11=draw(classic_day),
        c25=draw(st.sampled_from(["0", "4", "4", "4"])),
    )


@settings(max_examples=200, deadline=None)
@given(two=two_lists(lines()), end=st.sampled_from(["\n", "\r\n"]))
def test_any_two_classic_files(tmp_path_factory, two, end):
    files = Files(tmp_path_factory.mktemp("two"))
    before, now = two
    more = [*FILL, *(practice_line(f"A8400{n}", "A SURGERY") for n in range(9))] * 2
    files.write(csv(*more, *before), csv(*now, *more, end=end))

    found = holds_together(files)

    codes = [{text[1:7] for text in each} for each in (before, now)]
    assert {c.code for c in found if isinstance(c, Missing)} == codes[0] - codes[1]


def test_the_published_files_of_years_apart(shared, files):
    before, now = (shared / "ods" / f"epraccur_{n}.csv" for n in ("2019-12", "2025-11"))
    files.write(before.read_bytes(), now.read_bytes())

    found = holds_together(files, date(2025, 8, 7), date(2019, 11, 6))
    assert [claim for claim in found if isinstance(claim, Missing)] == []
    files.write(now.read_bytes(), now.read_bytes())
    assert files.changed(date(2025, 8, 7), date(2025, 8, 7)) == ([], 16_685)


# --- Others -------------------------------------------------------------------------------------


def test_other_readers_say_everything_each_time():
    assert {reader.source for reader in READERS if reader.compares} == {
        "epraccur", "eccg", "etr", "eauth", "ods-xml",
    }  # fmt: skip


def test_a_lookup_is_read_whole(files):
    text = "CCG21CD,CCG21CDH,CCG21NM\nE38000001,02N,NHS A CCG\n"
    files.write(text, text)

    assert files.changed() == (files.whole()[0], 3 - 1)


def test_a_row_of_another_report_does_not_come_twice(files):
    trusts = [line(f"R{n:02}", "A NHS TRUST", c10="20010401") for n in range(6)]
    files.write(csv(*trusts[:5]), csv(*trusts, trusts[0]))

    found, number = files.changed()

    assert [claim.code for claim in found if isinstance(claim, Life)] == ["R00", "R05"]
    assert number == 7
