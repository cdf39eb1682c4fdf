"""Records read from their bytes: as expat reads them, or not at all."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprints.reports.limits import Unreadable
from footprints.reports.odsparser import Manifest, records
from footprints.reports.odspieces import cut
from footprints.reports.odstokens import Scanner
from tests.footprints.reports.fullfile import full_file, practice, record, rel, role, succ

RECORDS = [
    practice(
        rels=[
            rel("RE4", "15E", "RO98", "2018-04-01"),
            rel("RE8", "U93165", "RO272", "2019-07-01"),
        ],
        postcode="B26 1AT",
    ),
    record(
        "13P",
        "NHS BIRMINGHAM & CROSSCITY CCG",
        [{"Type": "Legal", "Start": "2013-04-01", "End": "2018-03-31"}],
        [role("RO98", "2013-04-01", "2018-03-31", primary=True, legal="2013-04-01")],
        [rel("RE5", "Q77", "RO210", "2013-04-01", "2018-03-31", status="Inactive")],
        [succ("Successor", "15E", "2018-04-01"), succ("Predecessor", "5PG", "2013-04-01")],
        status="Inactive",
    ),
    practice("Y00001", "DR D’ARCY’S ‘ELMS’ SURGERY ", postcode="SW1A 1AA"),
]
WHOLE = "".join(full_file(RECORDS)).encode()


def pieces(data: bytes) -> list[bytes]:
    return [piece for _, found, _ in cut(io.BytesIO(data)) for piece in found]


def by_expat(piece: bytes):
    """What expat makes of the record in a file of its own; None where that is no XML."""
    begin, end = WHOLE.index(b"<Organisation "), WHOLE.index(b"</Organisations>")
    data = WHOLE[:begin] + piece + b"</Organisation>\n" + WHOLE[end:]
    try:
        found = list(records(io.BytesIO(data), Manifest()))
    except Unreadable:
        return None
    return found[0] if len(found) == 1 else None


def said(part):
    """All that a record says, its parts too."""
    if not hasattr(part, "__slots__"):
        return [said(each) for each in part] if isinstance(part, list) else part
    return [(name, said(getattr(part, name))) for name in part.__slots__]


def test_records_are_read_as_expat_reads_them():
    scanner = Scanner()
    found = [scanner.read(piece) for piece in pieces(WHOLE)]
    expected = list(records(io.BytesIO(WHOLE), Manifest()))
    assert None not in found
    assert [said(body) for body in found] == [said(body) for body in expected]
    assert found[1].name == "NHS BIRMINGHAM & CROSSCITY CCG"
    assert found[1].successions[1].code == "5PG"


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("<Name>", "<Name>&#65;"),
        ("<Name>", "<Name>&nbsp;"),
        ("<Name>", "<Name><!-- aside -->"),
        ("<Name>", "<Name>]]>"),
        ("<Name>", "<Name>\x01"),
        ("<Name>", "<Name>\udcff"),
        ("<Name>", "<Name>￿"),
        ("</Name>", "</Nam>"),
        ("</Name>", "<b>bold</b></Name>"),
        ("<Name>", "<x:Name>"),
        ("<Name>", "<Name lang=en>"),
        ("<Name>", '<Name a="1"b="2">'),
        ("<Name>", '<Name a="1" a="2">'),
        ("<Name>", '<Name xmlns="urn:other">'),
        ("<Roles>", '<Roles a="x > y">'),
        ("<Roles>", '<Roles><Role id="RO1" uniqueRoleId="1" uniqueRoleId="1"/>'),
        ("<Roles>", "<Roles>" * 2),
        ("<Roles>", '<Version value="3"/><Roles>'),
        ("<Roles>", "<Roles>" + '<Role id="RO1"/>' * 2_001),
        ("<Roles>", "</Organisation ><Roles>"),
        ("<Name>", "<Name>" + "A" * 9_000),
    ],
)
def test_what_is_not_plain_is_left_to_expat(written, instead):
    piece = pieces(WHOLE)[0]
    changed = piece.replace(written.encode(), instead.encode("utf-8", "surrogateescape"), 1)
    assert changed != piece
    assert Scanner().read(changed) is None


SNIPPETS = sorted(
    {
        *re.findall(rb"<[^<>]*>", WHOLE),
        *(
            b"<",
            b">",
            b"/",
            b'"',
            b"'",
            b"&",
            b"&amp;",
            b"&lt;",
            b" ",
            b"\r\n",
            b"\xff",
            b"\xc3\xa9",
        ),
        *(b"<Name>", b"</Name>", b"<PostCode/>", b"<Name/>", b"<Type/>", b"<Type>Legal</Type>"),
        *(b"<Date/>", b'<Role id="RO9"/>', b'<Start value="2020-01-01"></Start>', b"<Start/>"),
        *(b'<Status value="a&quot;b"/>', b'<End value="1&#50;"/>', b"<?x?>", b" uniqueRelId"),
    }
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_done_to_a_record_it_is_read_as_expat_reads_it_or_not_at_all(data):
    piece = data.draw(st.sampled_from(pieces(WHOLE)))
    scanner = Scanner()
    scanner.read(piece)
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(1, len(piece)))
        length = data.draw(st.sampled_from([0, 0, 1, 5, 40]))
        if data.draw(st.booleans()):  # at a bracket: more often still XML
            begin = max(piece.find(b"<", begin), 1)
        put = data.draw(st.sampled_from([b"", *SNIPPETS]))
        piece = piece[:begin] + put + piece[begin + length :]
    found = scanner.read(piece)
    if found is not None:
        expected = by_expat(piece)
        assert expected is not None, "expat refuses it"
        assert said(found) == said(expected)
