"""Which report a file is, by its content; and whatever it holds, claims or a clear answer."""

import io
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from footprints.reports import BadLine, claims
from footprints.reports.limits import Unreadable
from footprints.reports.opening import opened
from footprints.reports.recognising import READERS, NotRecognised, recognise
from tests.footprints.reports import test_bricks, test_classic, test_epcn, test_maps, test_ons
from tests.footprints.reports.made import LINES, refusal, workbook

CLAIMS = claims.Claim.__args__


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("epraccur_2019-12.csv", "epraccur"),
        ("epraccur_2025-11.csv", "epraccur"),
        ("eccg_2025-12.csv", "eccg"),
        ("etr_2022-03.csv", "etr"),
        ("etr_2025-12.csv", "etr"),
        ("ePCN_2023-02.xlsx", "epcn"),
        ("gp-reg-pat-prac-map_2022-01.csv", "gp-reg-pat-prac-map"),
        ("CCG_to_STP_to_NHSER_April_2021.csv", "ons-names-and-codes-ccg"),
    ],
)
def test_a_report_under_any_name_is_recognised_by_one_reader(shared, tmp_path, file, source):
    path = tmp_path / "download (3).tmp"
    shutil.copy(shared / "ods" / file, path)
    with opened(path) as document:
        assert [reader.source for reader in READERS if reader.recognises(document)] == [source]
        assert recognise(document).source == source


def test_sources_are_names_of_one_reader_each():
    sources = [reader.source for reader in READERS]

    assert len(set(sources)) == len(sources)
    assert all(reader.title and reader.looks for reader in READERS)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"date,amount\n2020-01-01,5\n", "a text of 2 columns that begins with 'date, amount'"),
        (b"<feed><entry/></feed>", "XML that begins with '<feed><entry/></feed>'"),
        (b'{"hello": 1}', "JSON that begins with '{\"hello\": 1}'"),
        (b'"A', "a text without a single whole row"),
    ],
)
def test_another_file_is_refused_with_what_was_seen_and_what_would_be(path, content, seen):
    path.write_bytes(content)
    with opened(path) as document, pytest.raises(NotRecognised) as caught:
        recognise(document)

    assert seen in str(caught.value)
    assert "27 columns, codes like A81001" in str(caught.value)
    assert isinstance(caught.value, Unreadable)


def test_a_classic_report_of_other_bodies_is_not_mistaken(path):
    """egpcur has the same columns; its codes are general practitioners."""
    gp = test_classic.line("G0102005", "BROWN AB", c2="Y63", c3="QHM", c10="19740401", c13="P")
    path.write_text(f"{gp}\n" * 3)
    with opened(path) as document, pytest.raises(NotRecognised):
        recognise(document)


# --- Whatever it holds ---------------------------------------------------------------------------


def answer(content: bytes):
    """The claims that a file makes, or the refusal; any other exception is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report")
        path.write_bytes(content)
        try:
            with opened(path) as document:
                reader = recognise(document)
                day = reader.day() or test_classic.DAY
                found = list(reader.claims(day))
        except Unreadable as error:
            assert len(str(error)) > 15
            return str(error)
    for claim in found:
        assert isinstance(claim, CLAIMS)
        assert claim.line >= 1
        if not isinstance(claim, BadLine) and hasattr(claim, "opened_on"):
            assert None in (claim.opened_on, claim.closed_on) or claim.opened_on < claim.closed_on
    return found


@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xef\xbb\xbf{")
@example(b"\x1f\x8b")
@example(b"PK\x05\x06" + b"\0" * 18)
def test_any_bytes_give_claims_or_a_clear_answer(content):
    answer(content)


@given(st.sampled_from([b"\x1f\x8b\x08", b"PK\x03\x04", b"<", b"{", b'"', b"PK\x05\x06"]),
       st.binary(max_size=200))  # fmt: skip
def test_any_bytes_after_a_known_beginning(start, content):
    answer(start + content)


CLASSIC = "\r\n".join(
    [*test_classic.FILL, *LINES.splitlines(), test_classic.practice("A81003", c11="20221231")]
).encode()
SAMPLES = {
    "epraccur": CLASSIC,
    "eccg": "\n".join(
        [test_classic.CCG_00F, test_classic.SUB_00L, test_classic.SUB_36L, test_classic.HUB]
    ).encode(),
    "map": (test_maps.HEADER + test_maps.DENSHAM * 2 + test_maps.RIVERSDALE).encode(),
    "bricks": (
        test_bricks.HEADER + test_bricks.NORTH + test_bricks.AND_MORE + test_bricks.SOUTH
    ).encode(),
    "ons": (test_ons.HEADER + test_ons.FIRST + test_ons.SECOND).encode(),
}
EDIT = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 12),
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b'"', b"\n", b"\r", b",", b"\xff\xfe", b"19000101", b"99999999", b"\0"]),
    ),
)


def edited(content: bytes, edits) -> bytes:
    for place, length, new in edits:
        at = int(place * len(content))
        content = content[:at] + new + content[at + length :]
    return content


@pytest.mark.parametrize("sample", SAMPLES)
@given(edits=st.lists(EDIT, min_size=1, max_size=4))
@settings(max_examples=80)
def test_any_change_of_a_report_gives_claims_or_a_clear_answer(sample, edits):
    assert isinstance(answer(SAMPLES[sample]), list)
    answer(edited(SAMPLES[sample], edits))


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_report_cut_off_anywhere_gives_claims_or_a_clear_answer(sample):
    content = SAMPLES[sample]
    whole = answer(content)
    for length in range(0, len(content), 7):
        said = answer(content[:length])
        if isinstance(said, list):  # what was whole is said as it was, and nothing is made up
            kept = [claim for claim in said if not isinstance(claim, BadLine | claims.Doubt)]
            assert set(kept) <= set(whole)


@pytest.fixture(scope="module")
def epcn():
    target = io.BytesIO()
    sheets = {
        "PCNDetails": [test_epcn.DETAILS, test_epcn.network()],
        "Partners": [test_epcn.PARTNERS, test_epcn.partner(), test_epcn.partner("A81002")],
    }
    workbook(target, sheets)
    return target.getvalue()


@given(edits=st.lists(EDIT, min_size=1, max_size=3))
@settings(max_examples=60)
def test_any_change_of_a_workbook_gives_claims_or_a_clear_answer(epcn, edits):
    answer(edited(epcn, edits))


@given(edits=st.lists(EDIT, min_size=1, max_size=3), part=st.integers(0, 5))
@settings(max_examples=80)
def test_any_change_of_a_part_of_a_workbook(epcn, edits, part):
    """Beneath the archive's own check: the XML that the workbook's reader is given."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(epcn)) as old, zipfile.ZipFile(target, "w") as new:
        for number, name in enumerate(old.namelist()):
            content = old.read(name)
            new.writestr(name, edited(content, edits) if number == part else content)
    answer(target.getvalue())


def test_a_published_report_cut_in_half(shared, path):
    """Every whole line is read; the broken one is named, and the file said to be cut off."""
    whole = (shared / "ods/epraccur_2025-11.csv").read_bytes()
    found = answer(whole[: len(whole) // 2])

    assert sum(isinstance(claim, claims.Life) for claim in found) > 8000
    *_, bad, doubt = found
    assert isinstance(bad, BadLine)
    assert "cut off" in bad.reason
    assert doubt.topic == "the file ends in the middle of a line"
    assert "its end is missing" in refusal(
        path, (shared / "ods/ePCN_2023-02.xlsx").read_bytes()[:300_000]
    )
