"""Search: by code, any name, part of one, misspelt, by postcode and ONS code, on any day."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from footprints.models import Organisation, Version, Word
from footprints.models.derived import rebuild
from footprints.searching import search, words
from footprints.searching.mending import distance, mended
from footprints.services.entries import enter_fact
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

TODAY = date(2026, 11, 21)
THEN = date(2020, 3, 31)


def found(typed, day=TODAY, **options):
    """The codes found, in order."""
    return [hit.version.organisation.code for hit in search(typed, day=day, **options).hits]


def hit(typed, code, day=TODAY, **options):
    """What was found under that code."""
    answer = search(typed, day=day, **options)
    return next(one for one in answer.hits if one.version.organisation.code == code)


# --- Codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["91Q", "91q", " 91q ", "APC-26"])
def test_a_code_is_found_whatever_its_letters_are(typed):
    assert found(typed)[0] == typed.strip().upper()


def test_the_exact_code_comes_before_those_that_begin_with_it():
    factories.body("91QZZ", name="Ashford Site", kind_code="trust_site")

    assert found("91Q")[:2] == ["91Q", "91QZZ"]


def test_letters_alone_are_the_start_of_a_name_before_they_are_the_start_of_a_code():
    factories.body("KENT1", name="Zebra House", kind_code="trust_site")

    codes = found("kent", limit=60)

    assert codes[0] == "QKS"
    assert "KENT1" in codes


def test_a_provisional_code_is_found_by_nobody():
    assert found("P-QHL-QUA") == []
    assert "P-QHL-QUA" not in found("Birmingham and Solihull with Black Country", limit=50)


# --- Names --------------------------------------------------------------------------------------


def test_a_part_of_a_name_is_enough_in_any_order():
    assert found("kent med")[0] == "QKS"
    assert found("med ken")[0] == "QKS"
    assert "91Q" in found("medway integ", day=date(2026, 11, 21)) or "QKS" in found("medway integ")
    assert found("edway") == [] or search("edway", day=TODAY).mended == "medway"


def test_an_old_name_leads_to_the_body_as_it_is_called_today():
    factories.body(
        "ZZ1",
        name="Rosebud Surgery",
        opened_on=date(2013, 4, 1),
        closed_on=date(2019, 4, 1),
        kind_code="practice",
    )
    body = Organisation.objects.get(code="ZZ1")
    factories.version(
        body,
        name="Marigold Practice",
        kind_code="practice",
        opened_on=date(2019, 4, 1),
        closed_on=None,
    )

    today = hit("rosebud", "ZZ1")

    assert today.version.name == "Marigold Practice"
    assert today.why == "formerly Rosebud Surgery"
    assert hit("marigold", "ZZ1").why == ""
    then = hit("marigold", "ZZ1", day=date(2015, 1, 1))
    assert (then.version.name, then.why) == ("Rosebud Surgery", "later Marigold Practice")


def test_a_closed_body_says_so_and_what_came_after_it():
    closed = hit("99J", "99J")

    assert closed.lives == "past"
    assert closed.version.closed_on == date(2020, 4, 1)
    assert closed.then == (("91Q", "NHS Kent and Medway CCG"),)
    assert hit("99J", "99J", day=THEN).lives == ""


def test_a_body_that_is_still_to_come_says_so():
    assert hit("91Q", "91Q", day=THEN).lives == "future"


def test_live_bodies_come_before_closed_ones_and_wide_areas_before_practices():
    factories.body("ZP1", name="Larkspur Surgery", kind_code="practice")
    factories.body("ZI1", name="Larkspur Valley", kind_code="icb")
    factories.body("ZI2", name="Larkspur", kind_code="icb", closed_on=date(2022, 7, 1))

    assert found("larkspur") == ["ZI1", "ZP1", "ZI2"]


def test_a_whole_word_comes_before_the_start_of_one():
    factories.body("ZP1", name="Foxgloves House", kind_code="region")
    factories.body("ZP2", name="Foxglove Surgery", kind_code="practice")

    assert found("foxglove") == ["ZP2", "ZP1"]


@pytest.mark.parametrize(
    "typed", ["o'connor", "O’Connor", "OCONNOR", "o`connor", "o‘con", "o′connor"]
)
@pytest.mark.parametrize("name", ["Dr O'Connor & Partners", "Dr O’Connor and Partners"])
def test_an_apostrophe_is_found_in_all_its_spellings(typed, name):
    factories.body("ZP1", name=name, kind_code="practice")

    assert found(typed) == ["ZP1"]


@pytest.mark.parametrize("typed", ["st giless", "Saint Giless", "st. giless", "ST GILESS"])
@pytest.mark.parametrize("name", ["St Giless Surgery", "St. Giless Surgery", "Saint Giless"])
def test_a_saint_is_found_however_he_is_written(typed, name):
    factories.body("ZP1", name=name, kind_code="practice")

    assert found(typed) == ["ZP1"]


@pytest.mark.parametrize("typed", ["Llŷnfa", "llynfa", "LLYNFA", "Lly\u0302nfa"])
def test_welsh_letters_are_found_with_and_without_their_hats(typed):
    factories.body("ZP1", name="Meddygfa Llŷnfa", kind_code="practice")

    assert found(typed) == ["ZP1"]


def test_a_common_word_shows_the_wide_bodies_first_and_says_that_there_are_more():
    kind = factories.kind("practice")
    release = factories.release()
    bodies = Organisation.objects.bulk_create(
        Organisation(code=f"ZM{number:04}") for number in range(1100)
    )
    Version.objects.bulk_create(
        Version(
            organisation=body, kind=kind, name=f"Marlbank {body.code} Surgery", asserted_by=release
        )
        for body in bodies
    )
    factories.body("ZI1", name="Marlbank", kind_code="icb")

    answer = search("marlbank", day=TODAY)

    assert answer.more
    assert answer.hits[0].version.organisation.code == "ZI1"
    assert len(answer.hits) == 8


def test_one_or_two_letters_find_the_names_that_begin_so_the_widest_first():
    names = [one.version.name.lower() for one in search("ke", day=TODAY, limit=20).hits]

    assert names
    assert all(name.startswith("ke") for name in names)


# --- Misspelt -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("Cambrige", "cambridge"), ("Northumbira", "northumbria"), ("Nottinghm", "nottingham")],
)
def test_a_misspelt_name_is_mended(typed, meant):
    answer = search(typed, day=TODAY)

    assert answer.mended.startswith(meant)
    assert not answer.is_as_typed
    assert answer.hits
    assert all(words.has_all(one.version.name, [meant]) or one.why for one in answer.hits)


def test_the_other_words_stay_as_typed():
    assert search("kent medwya", day=TODAY).mended == "kent medway"
    assert search("kant medway", day=TODAY).mended == "kent medway"


def test_what_is_far_from_every_word_is_not_mended():
    answer = search("qqxxyyzz", day=TODAY)

    assert (answer.hits, answer.mended) == ([], "")


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [("kent", "kent", 0), ("kant", "kent", 1), ("kentt", "kent", 1), ("knet", "kent", 1),
     ("ent", "kent", 1), ("", "kent", 4), ("cambrige", "cambridge", 1)],
)  # fmt: skip
def test_slips_between_two_words(one, other, slips):
    assert distance(one, other) == distance(other, one) == slips


def test_a_short_word_and_a_number_are_left_alone():
    assert mended(["kin", "2020"]) == []


# --- Postcodes and ONS codes --------------------------------------------------------------------


@pytest.fixture
def at_postcodes():
    for code, value in [("ZP1", "TN24 0GH"), ("ZP2", "TN24 1AB"), ("ZP3", "TN2 4AA")]:
        body = factories.body(code, name=f"Practice {code}", kind_code="practice")
        factories.identifier(organisation=body, scheme="postcode", value=value)


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("TN24 0GH", ["ZP1"]),
        ("tn240gh", ["ZP1"]),
        ("tn24  0gh", ["ZP1"]),
        ("TN24", ["ZP1", "ZP2"]),
        ("TN24 1", ["ZP2"]),
        ("TN2", ["ZP3"]),
        ("TN24 9ZZ", []),
    ],
)
def test_a_postcode_or_its_district_finds_who_is_there(at_postcodes, typed, codes):
    assert found(typed) == codes


def test_a_body_found_by_its_postcode_says_so(at_postcodes):
    assert hit("TN24", "ZP1").why == "postcode TN24 0GH"


def test_an_ons_code_finds_the_body_that_has_it_today_first():
    answer = search("E54000032", day=TODAY)

    assert answer.hits[0].why == "ONS code E54000032"
    assert answer.hits[0].lives == ""


# --- What was known -----------------------------------------------------------------------------


def test_what_was_known_then_is_searched_and_shown():
    long_ago = factories.release(applied_at=datetime(2015, 1, 1, tzinfo=UTC))
    first = factories.version(
        factories.organisation("ZZ9"), name="Zebra CCG", asserted_by=long_ago
    )
    second = Version.objects.get(pk=first.pk)
    second.name = "Lion CCG"
    enter_fact(second, by=factories.user(), replaces=first)
    day = date(2015, 6, 1)

    assert found("zebra", day=day) == []
    assert hit("zebra", "ZZ9", day=day, known=long_ago.pk).version.name == "Zebra CCG"
    assert found("lion", day=day, known=long_ago.pk) == []
    assert found("ZZ9", day=day, known=long_ago.pk - 1) == []


# --- Bad input ----------------------------------------------------------------------------------

BAD = [
    "\x00", "kent\x00", "x" * 10_000, "kent " * 3000, "...", "'", "''", "\\", "%", "_", "%%%",
    "a%", "'; DROP TABLE footprints_version; --", "\" OR 1=1", "& | !", "kent:*", "<->", "(",
    "ŷ", "&", "\U0010ffff", "🏥", "Ω", "İstanbul", "a\u0301", "  ", "-", "TN24 0GH; --",
    "E5400003%",
]  # fmt: skip


@pytest.mark.parametrize("typed", BAD)
def test_nothing_that_is_typed_breaks_the_search(typed):
    answer = search(typed, day=TODAY)

    assert len(answer.text) <= 200
    assert len(answer.hits) <= 8


def test_a_percent_sign_is_no_wildcard():
    assert found("9%") == []
    assert found("%") == []


@given(st.text(max_size=40))
def test_any_text_is_searched(typed):
    search(typed, day=TODAY)


# --- Words: one table, twice --------------------------------------------------------------------


@given(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("aZ9 '’&-.,/()ŷÔéæø№%_\\\u00a0"),
            st.characters(min_codepoint=1, max_codepoint=0x2FF, exclude_categories=["Cs"]),
        ),
        max_size=30,
    )
)
def test_the_database_splits_a_name_as_we_split_what_was_typed(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(footprints_words(%s))", [name])
        (there,) = cursor.fetchone()

    assert sorted(set(words.split(name))) == sorted(there)


def test_every_word_of_the_register_is_in_the_list_of_words():
    there = set(Word.objects.values_list("word", flat=True))

    for name in Version.objects.values_list("name", flat=True)[:500]:
        assert set(words.split(name)) <= there


def test_a_word_is_learnt_with_the_version_that_brings_it():
    assert not Word.objects.filter(word="quagmire").exists()

    factories.body(name="Quagmire Surgery")

    assert Word.objects.get(word="quagmire").versions == 1
    before = {word.word: word.versions for word in Word.objects.all()}
    rebuild()
    assert {word.word: word.versions for word in Word.objects.all()} == before


# --- The page and the piece ---------------------------------------------------------------------


@pytest.fixture
def reader(client):
    client.force_login(factories.user())
    return client


def test_search_is_for_people_who_sign_in(client):
    assert client.get("/search/?q=kent").url == "/sign-in/?next=/search/%3Fq%3Dkent"


def test_the_page_leads_to_each_body_on_the_day_shown(reader):
    page = reader.get("/search/", {"q": "kent med", "on": "2020-03-31"})

    assert page.status_code == 200
    assert 'href="/register/QKS/?on=2020-03-31"' in page.content.decode()
    assert "not before 1 Apr 2020" in text(page)
    assert breaks_the_policy(page) == []


def test_the_page_of_nothing_typed_says_what_may_be_asked(reader):
    assert "A postcode" in text(reader.get("/search/"))
    assert "Nothing found" in text(reader.get("/search/", {"q": "qqxxyyzz"}))


def test_a_misspelt_name_is_said_to_be_mended(reader):
    said = text(reader.get("/search/", {"q": "Northumbira"}))

    assert "Nothing is called “Northumbira”. Here is northumbria:" in said


@pytest.mark.parametrize("typed", BAD)
def test_nothing_that_is_typed_breaks_the_page(reader, typed):
    assert reader.get("/search/", {"q": typed}).status_code == 200


def piece(reader, typed, **params):
    headers = {"HX-Request": "true", "HX-Target": "search-sheet"}
    return reader.get("/search/", {"q": typed, **params}, headers=headers)


def test_the_piece_is_a_list_to_choose_from_and_no_page(reader):
    answer = piece(reader, "kent med", on="2020-03-31").content.decode()

    assert "<html" not in answer
    assert 'role="listbox"' in answer
    assert 'data-href="/register/QKS/?on=2020-03-31"' in answer
    assert 'data-href="/search/?q=kent+med&amp;on=2020-03-31"' in answer
    assert "<a " not in answer  # an option holds no link


def test_what_is_typed_is_escaped(reader):
    answer = piece(reader, "<script>alert(1)</script>").content.decode()

    assert "<script>" not in answer


@pytest.mark.parametrize(
    "typed", ["kent", "91Q", "99J", "Cambrige", "TN24", "E54000032", "ke", "trust", "zzzz"]
)
def test_a_search_asks_the_database_at_most_eight_times(reader, typed):
    piece(reader, typed)

    with CaptureQueriesContext(connection) as asked:
        piece(reader, typed)

    assert len(asked) <= 8
