"""Reading the bundled files: every bad line is named at once, and nothing of it is written."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from footprints import bundle
from footprints.bundle import FILES, BadBundle, BadLine
from footprints.models import Organisation

ICB = "NHS Somewhere ICB"


def bad_lines(folder) -> list[tuple]:
    """File, line and reason of every bad line of the folder."""
    with pytest.raises(BadBundle) as refused:
        folder.read()
    return [(bad.file, bad.line, bad.reason) for bad in refused.value.bad_lines]


def test_the_bundled_files_are_read_whole():
    read = bundle.read()

    assert read.published_on == date(2026, 11, 21)
    assert len(read.versions) == read.rows_read["versions"] == 2214
    # The one code without an organisation row takes its row along, and says so.
    assert read.rows_read["successions"] - len(read.successions) == 1
    assert [str(bad) for bad in read.unplaced] == [
        "successions.csv, line 420: RX5 has no organisation row (gaps.csv)"
    ]


def test_a_last_day_is_read_as_the_first_day_after_it():
    (frimley,) = (r for r in bundle.read().versions if r.code == "QNQ" and r.kind == "icb")

    assert (frimley.opened_on, frimley.closed_on) == (date(2022, 7, 1), date(2026, 4, 1))
    assert FILES["versions"][0] is type(frimley)


def test_the_fingerprint_changes_with_any_byte(folder):
    before = folder.read().sha256
    assert folder.read().sha256 == before
    folder.change("places.csv", "09C,", "ONS", "the ONS")

    assert folder.read().sha256 != before


# --- One bad line -------------------------------------------------------------------------------

BAD_LINES = {
    "a code that is none of ours": (
        "relationships.csv",
        "X1X1X,part_of,QKS,icb,2022-07-01,,,",
        "X1X1X is not in versions.csv",
    ),
    "a parent that is none of ours": (
        "relationships.csv",
        "91Q,part_of,X1X1X,icb,2012-07-01,2012-08-01,,",
        "X1X1X is not in versions.csv",
    ),
    "two lives at once": (
        "versions.csv",
        "QKS,icb,NHS Kent ICB,2024-01-01,,,,",
        "QKS lives twice at once (line {QKS,icb})",
    ),
    "closing before opening": (
        "versions.csv",
        f"Z9Z9Z,icb,{ICB},2022-07-01,2022-06-29,,,",
        "closes on 2022-06-29, before 2022-07-01",
    ),
    "a date that is none": (
        "versions.csv",
        f"Z9Z9Z,icb,{ICB},2022-02-30,,,,",
        "first_day '2022-02-30' is no date (year-month-day)",
    ),
    "a date written otherwise": (
        "versions.csv",
        f"Z9Z9Z,icb,{ICB},01/07/2022,,,,",
        "first_day '01/07/2022' is no date (year-month-day)",
    ),
    "a week for a date": (
        "versions.csv",
        f"Z9Z9Z,icb,{ICB},2022-W26-5,20260331,,,",
        "first_day '2022-W26-5' is no date (year-month-day); "
        "last_day '20260331' is no date (year-month-day)",
    ),
    "a day without a day after it": (
        "versions.csv",
        f"Z9Z9Z,icb,{ICB},2022-07-01,9999-12-31,,,",
        "last_day '9999-12-31' has no day after it: leave it empty",
    ),
    "a kind nobody knows": (
        "versions.csv",
        f"Z9Z9Z,borough,{ICB},2022-07-01,,,,",
        "kind 'borough' is not in kinds.csv",
    ),
    "a parent's kind nobody knows": (
        "relationships.csv",
        "91Q,part_of,QKS,borough,2000-07-01,2000-08-01,,",
        "kind 'borough' is not in kinds.csv",
    ),
    "a family nobody knows": (
        "kinds.csv",
        "borough,Borough,Boroughs,parish,3,1,1,0",
        "family 'parish' is none of commissioning, primary_care, provider, "
        "collaborative, committee, nation, local_government, supplier",
    ),
    "a yes that is none": (
        "kinds.csv",
        "borough,Borough,Boroughs,nation,3,yes,1,0",
        "is_legal_body 'yes' is none of 0, 1",
    ),
    "a code too long for its column": (
        "versions.csv",
        f"{'Z' * 21},icb,{ICB},2022-07-01,,,,",
        "code has 21 characters, more than 20",
    ),
    "no code": ("versions.csv", f",icb,{ICB},2022-07-01,,,,", "code is empty"),
    "a null character": (
        "versions.csv",
        "Z9Z9Z,icb,NHS Some\0where ICB,2022-07-01,,,,",
        "name holds a null character",
    ),
    "a column too few": (
        "versions.csv",
        f"Z9Z9Z,icb,{ICB},2022-07-01,,,",
        "has 7 columns, not 8",
    ),
    "a comma without quotes": (
        "versions.csv",
        "Z9Z9Z,icb,NHS Bath, Swindon ICB,2022-07-01,,,,",
        "has 9 columns, not 8",
    ),
    "an empty line": ("versions.csv", "", "has 0 columns, not 8"),
    "a population that is none": (
        "populations.csv",
        "91Q,2019,2022-07-01,1.5 million,",
        "people '1.5 million' is no whole number",
    ),
    "a population beyond the column": (
        "populations.csv",
        "91Q,2019,2022-07-01,99999999999,",
        "people '99999999999' is more than 2,147,483,647",
    ),
    "another figure for the same year": (
        "populations.csv",
        "09C,2018,2018-04-01,7,",
        "09C / 2018 / 2018-04-01 is there twice (line {09C,2018})",
    ),
    "a place on no earth": (
        "places.csv",
        "QJK,-3.5,nan,",
        "latitude 'nan' is no number between -90 and 90",
    ),
    "two places": ("places.csv", "09C,-1.5,54.5,", "09C is there twice (line {09C,})"),
    "two codes at once": (
        "identifiers.csv",
        "Y56,gss,E40000099,2020-04-01,,",
        "Y56 / gss has two values at once (line {Y56,gss})",
    ),
    "two lead providers at once": (
        "lead_providers.csv",
        "PC-02,adult secure,RW4,2020-10-01,,stated,,",
        "PC-02 / adult secure has two lead providers at once (line {PC-02,})",
    ),
    "the same parent twice at once": (
        "relationships.csv",
        "D4U1Y,part_of,QNQ,icb,2025-01-01,2025-12-31,,",
        "D4U1Y / part_of / QNQ holds twice at once (line {D4U1Y,part_of,QNQ,icb})",
    ),
    "its own parent": (
        "relationships.csv",
        "91Q,part_of,91Q,sub_icb,2022-07-01,,,",
        "91Q is its own parent",
    ),
    "a relationship nobody knows": (
        "relationships.csv",
        "91Q,near,QKS,icb,2022-07-01,,,",
        "type 'near' is none of part_of, member_of, covers, serves",
    ),
    "a share that is none": (
        "successions.csv",
        "2024-04-01,split,91Q,92A,area,half,,high,,",
        "share 'half' is no share",
    ),
    "a share that is no number": (
        "successions.csv",
        "2024-04-01,split,91Q,92A,area,NaN,,high,,",
        "share 'NaN' is no share between 0 and 1",
    ),
    "a share beyond the whole": (
        "successions.csv",
        "2024-04-01,split,91Q,92A,area,1.5,,high,,",
        "share '1.5' is no share between 0 and 1",
    ),
    "a share finer than its column": (
        "successions.csv",
        "2024-04-01,split,91Q,92A,area,0.0000001,,high,,",
        "share '0.0000001' has more than six decimals",
    ),
    "a part of a body of which the rest goes nowhere": (
        "successions.csv",
        "2024-04-01,split,91Q,92A,area,0.5,,high,,",
        "the shares of 91Q sum to 0.5, not 1",
    ),
    "one known share that leaves nothing for the other": (
        "successions.csv",
        "2021-10-01,split,RW6,RXF,area,1,,high,,",
        "the known shares of RW6 sum to 1: nothing is left",
    ),
    "an event nobody knows": (
        "successions.csv",
        "2024-04-01,takeover,91Q,92A,area,,,high,,",
        "kind 'takeover' is none of merger, absorption, split, rename, transfer, closure",
    ),
    "a merger into nobody": (
        "successions.csv",
        "2024-04-01,merger,91Q,,area,,,high,,",
        "a merger names no successor",
    ),
    "a closure into somebody": (
        "successions.csv",
        "2024-04-01,closure,91Q,92A,area,,,high,,",
        "a closure names a successor",
    ),
    "a code that succeeds itself without becoming anything": (
        "successions.csv",
        "2024-04-01,rename,91Q,91Q,area,,,high,,",
        "a code succeeds itself only where its nature changes",
    ),
    "a code that becomes something and another code": (
        "successions.csv",
        "2024-04-01,merger,91Q,92A,area,,icb,high,,",
        "a code succeeds itself only where its nature changes",
    ),
    "a code that becomes a kind nobody knows": (
        "successions.csv",
        "2024-04-01,rename,91Q,91Q,area,,borough,high,,",
        "kind 'borough' is not in kinds.csv",
    ),
    "the same succession with another note": (
        "successions.csv",
        "2020-04-01,merger,09C,91Q,area,,,low,,said again",
        "repeats the succession of line {2020-04-01,merger,09C,91Q}",
    ),
    "a cluster of a board and itself": (
        "clusters.csv",
        "P-1,A with A,QJK;QJK,2027-04-01,rumoured,cluster,cluster,2025,2026-11-21,somebody",
        "members 'QJK;QJK' names a code twice",
    ),
    "a cluster of nobody": (
        "clusters.csv",
        "P-1,A with B,QJK;X1X1X,2027-04-01,rumoured,cluster,cluster,2025,2026-11-21,somebody",
        "X1X1X is not in versions.csv",
    ),
    "a cluster in a state nobody knows": (
        "clusters.csv",
        "P-1,A with B,QJK;QT6,2027-04-01,agreed,cluster,cluster,2025,2026-11-21,somebody",
        "state 'agreed' is none of rumoured, proposed, approved, in_law",
    ),
    "a gap that is none": ("gaps.csv", "9ZZZZ,", "note is empty"),
    "a duplicate row": (
        "versions.csv",
        "{QKS,icb}",
        "repeats line {QKS,icb}",
    ),
}


@pytest.mark.parametrize("what", BAD_LINES)
def test_a_bad_line_is_refused_and_named(folder, what):
    file, line, reason = BAD_LINES[what]
    if "{" in reason:  # the line that it contradicts, by its beginning
        before, start = reason.removesuffix(")").removesuffix("}").split("{")
        earlier = folder.number(file, start)
        reason = f"{before}{earlier}{')' * reason.endswith(')')}"
        if line.startswith("{"):
            line = folder.lines(file)[earlier - 1]
    number = folder.add(file, line)

    assert bad_lines(folder) == [(file, number, reason)]


def test_a_gap_that_has_an_organisation_row_is_refused(folder):
    """Else every row of a body that a source has found meanwhile would be left out."""
    folder.add("gaps.csv", "91Q,said to be missing")

    assert bad_lines(folder) == [
        (
            "versions.csv",
            folder.number("versions.csv", f"91Q,{kind}"),
            "91Q has an organisation row: gaps.csv says it has none",
        )
        for kind in ("ccg", "sub_icb")
    ]


def test_shares_that_do_not_sum_are_refused(folder):
    folder.change("successions.csv", "2026-04-01,split,QNQ,QRL", "0.229339", "0.229338")
    folder.change("successions.csv", "2026-04-01,split,D4U1Y,92A", "0.182042", "0.182142")

    assert bad_lines(folder) == [
        (
            "successions.csv",
            folder.number("successions.csv", "2026-04-01,split,D4U1Y,92A"),
            "the shares of D4U1Y sum to 1.000100, not 1",
        ),
    ]


# --- Files that are spoilt as a whole -----------------------------------------------------------


def test_every_bad_line_of_every_file_is_named_at_once_in_order(folder):
    versions = [folder.add("versions.csv", f"Z9Z9{n},borough,,2022,,,,") for n in range(3)]
    latin = folder.raw("places.csv").replace(b"centroid", "centroïd".encode("latin-1"), 2)
    folder.write("places.csv", latin)
    succession = folder.add("successions.csv", "2024-04-01,merger,Z9Z90,X1X1X,area,,,high,,")

    assert bad_lines(folder) == [
        *(
            (
                "versions.csv",
                number,
                "name is empty; first_day '2022' is no date (year-month-day)",
            )
            for number in versions
        ),
        ("places.csv", 2, "byte 0xef is not UTF-8"),
        ("places.csv", 3, "byte 0xef is not UTF-8"),
        # Z9Z90 is not called unknown: its own line is a bad one.
        ("successions.csv", succession, "X1X1X is not in versions.csv"),
    ]


@pytest.mark.parametrize("file", [f"{stem}.csv" for stem in FILES])
@pytest.mark.parametrize("raw", [b"", b" \n\r\n"], ids=["empty", "blank"])
def test_an_empty_file_is_refused(folder, file, raw):
    folder.write(file, raw)

    assert bad_lines(folder) == [(file, None, "is empty")]


@pytest.mark.parametrize("file", [f"{stem}.csv" for stem in FILES])
def test_a_missing_file_is_refused(folder, file):
    (folder.path / file).unlink()

    assert bad_lines(folder) == [(file, None, "cannot be opened: No such file or directory")]


@pytest.mark.parametrize("file", [f"{stem}.csv" for stem in FILES])
def test_a_file_that_is_not_utf_8_is_refused_at_its_line(folder, file):
    first = folder.raw(file).split(b"\n", 1)[0]
    folder.write(file, folder.raw(file).replace(first + b"\n", first + b"\n\x80", 1))

    assert bad_lines(folder) == [(file, 2, "byte 0x80 is not UTF-8")]


@pytest.mark.parametrize("file", [f"{stem}.csv" for stem in FILES])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_cut_off_at_a_line_end_is_found_out(folder, file, part):
    lines = folder.raw(file).splitlines(keepends=True)
    kept = max(1, int(len(lines) * part))
    folder.write(file, b"".join(lines[:kept]))

    assert bad_lines(folder) == [
        (
            file,
            None,
            f"holds {kept - 1:,} rows where bundle.toml says {len(lines) - 1}: cut off?",
        )
    ]


@pytest.mark.parametrize("file", [f"{stem}.csv" for stem in FILES])
@pytest.mark.parametrize("kept", [2, 5, -3])
def test_a_file_cut_off_within_a_line_is_found_out_there(folder, file, kept):
    """Whether a column is missing, the last one is half, or nothing but the line end is."""
    lines = folder.raw(file).splitlines(keepends=True)
    last = lines[-1].rstrip(b"\n")
    folder.write(file, b"".join(lines[:-1]) + last[:kept])

    found = bad_lines(folder)

    assert (file, len(lines), "ends within a line: cut off?") in found
    assert {(name, number) for name, number, _ in found} == {(file, len(lines))}


def test_a_file_without_its_last_line_end_is_refused_and_nothing_else_is_said(folder):
    folder.write("versions.csv", folder.raw("versions.csv").rstrip(b"\n"))

    assert bad_lines(folder) == [
        ("versions.csv", len(folder.lines("versions.csv")), "ends within a line: cut off?")
    ]


def test_an_unterminated_quote_is_named_where_it_begins(folder):
    lines = folder.lines("versions.csv")
    number = folder.change("versions.csv", "91Q,ccg", "91Q,ccg,", '91Q,ccg,"')

    found = bad_lines(folder)

    assert found[0][:2] == ("versions.csv", number)
    assert {(file, line) for file, line, _ in found} <= {("versions.csv", number)}
    assert number < len(lines)


def test_an_unterminated_quote_at_the_end_is_named_where_it_begins(folder):
    number = folder.add("places.csv", 'QJK,-3.5,50.7,"ONS')

    assert bad_lines(folder) == [
        ("places.csv", number, "cannot be read on from here: unexpected end of data")
    ]


@pytest.mark.parametrize(
    "header",
    [
        "code,kind,name,first_day,last_day,ods_first_day,note,source",
        "code,kind,name,first_day,last_day,ods_first_day,source",
        "Code,kind,name,first_day,last_day,ods_first_day,source,note",
        "code;kind;name;first_day;last_day;ods_first_day;source;note",
    ],
)
def test_a_wrong_header_is_refused_and_nothing_read_below_it(folder, header):
    lines = folder.lines("versions.csv")
    folder.rewrite("versions.csv", [header, *lines[1:]])

    assert bad_lines(folder) == [
        (
            "versions.csv",
            1,
            "the columns are not code, kind, name, first_day, last_day, ods_first_day, "
            "source, note",
        )
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_read_as_nothing(folder):
    plain = folder.read()
    folder.write("places.csv", b"\xef\xbb\xbf" + folder.raw("places.csv").replace(b"\n", b"\r\n"))

    assert folder.read().places == plain.places


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (b"", "does not say 'title'"),
        (b"title = 'x'\npublished_on = 2026-11-21\n", "does not say 'rows'"),
        (b"title = ", "cannot be read: "),
        (b"title = '\xff'", "cannot be read: "),
        (b"title = ''\npublished_on = 2026-11-21\n[rows]\n", "cannot be read: is empty"),
    ],
)
def test_a_bundle_that_does_not_say_what_it_is_is_refused(folder, about, reason):
    folder.write("bundle.toml", about)

    ((file, line, said),) = bad_lines(folder)

    assert (file, line) == ("bundle.toml", None)
    assert said.startswith(reason)


@pytest.mark.parametrize("day", ["'2026-11-21'", "2026-11-21T09:30:00", "20"])
def test_a_bundle_that_is_of_no_day_is_refused(folder, day):
    about = folder.raw("bundle.toml").decode().replace("2026-11-21", day, 1)
    folder.write("bundle.toml", about.encode())

    ((file, line, said),) = bad_lines(folder)

    assert (file, line) == ("bundle.toml", None)
    assert said.endswith("is no date")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadBundle, match=r"bundle\.toml: cannot be opened: No such file"):
        bundle.read(tmp_path / "nowhere")


def test_a_bad_line_says_its_place():
    assert str(BadLine("places.csv", 7, "is odd")) == "places.csv, line 7: is odd"
    assert str(BadLine("places.csv", None, "is empty")) == "places.csv: is empty"


# --- Nothing is written -------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("loaded", [True, False], ids=["over the register", "into an empty one"])
def test_of_a_bad_bundle_nothing_is_written(request, folder, whole_database, loaded):
    request.getfixturevalue("register" if loaded else "empty_register")
    folder.add("versions.csv", f"Z9Z9Z,icb,{ICB},2022-07-01,,,,")  # a good line, by itself
    number = folder.add("relationships.csv", "X1X1X,part_of,Z9Z9Z,icb,2022-07-01,,,")
    before = whole_database()

    with pytest.raises(CommandError) as refused:
        call_command("load_register", str(folder.path))

    assert str(refused.value) == (
        "Nothing was loaded: 1 bad line(s).\n"
        f"relationships.csv, line {number}: X1X1X is not in versions.csv"
    )
    assert whole_database() == before
    assert len(before) > 20
    assert not Organisation.objects.filter(code="Z9Z9Z").exists()


def test_shares_are_read_to_the_last_decimal():
    shares = {
        row.successor: row.share
        for row in bundle.read().successions
        if row.predecessor == "QNQ" and row.kind == "split"
    }

    assert shares == {
        "S0E4D": Decimal("0.588619"),
        "S9B9J": Decimal("0.182042"),
        "QRL": Decimal("0.229339"),
    }
