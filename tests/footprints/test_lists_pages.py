"""A list page whole: filters, chips, sort, day, file, empty states, and what it costs."""

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path

import django_filters
import django_tables2 as tables
import pytest
from django.conf import settings
from django.db.models.functions import Lower
from django.test import override_settings
from django.urls import include, path
from django.utils import timezone

from config.urls import urlpatterns as all_pages
from footprints.as_at import presets
from footprints.lists import (
    Action,
    CodeColumn,
    DayColumn,
    LastDayColumn,
    ListTable,
    ListView,
    NumberColumn,
    SelectColumn,
    WordsFilter,
    as_csv,
    safe,
)
from footprints.models import Kind, Organisation, Release, Version


class Table(ListTable):
    select = SelectColumn()
    code = CodeColumn(accessor="organisation__code")
    name = tables.Column(linkify=lambda record: f"/bodies/{record.organisation.code}/")
    kind = tables.Column(accessor="kind__name")
    opened_on = DayColumn(verbose_name="From")
    closed_on = LastDayColumn(verbose_name="Last day")
    size = NumberColumn(accessor="pk")

    sorts = {
        "name": (Lower("name"), "pk"),
        "code": ("organisation__code", "pk"),
        "size": ("pk",),
    }
    card = ("name", "code", "kind")
    optional = ("opened_on", "size")


class Filter(django_filters.FilterSet):
    q = WordsFilter(code="organisation__code")
    kind = django_filters.ModelMultipleChoiceFilter(queryset=Kind.objects.all())
    opened_on = django_filters.DateFilter()


class Bodies(ListView):
    title = "Bodies"
    noun = ("body", "bodies")
    model = Version
    table_class = Table
    filterset_class = Filter
    export_cap = 60
    empty_title = "No body yet"
    empty_text = "Load a release."
    empty_action = Action("Load one", "/load/")

    def get_queryset(self):
        versions = Version.objects.known(self.as_at.release).on(self.as_at.day)
        return versions.filter(source="test").select_related("organisation", "kind")

    def get_actions(self):
        return [Action("Record a body", "/record/")]

    def get_bulk_actions(self):
        return [Action("Watch", "/watch/")]


class Counted(Bodies):
    count_limit = 100


urlpatterns = [
    path("bodies/", Bodies.as_view(), name="bodies"),
    path("counted/", Counted.as_view(), name="counted"),
    path("", include(all_pages)),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def make(db):
    """Return a function that records versions by name, each of a body of its own."""
    release = Release.objects.create(kind="bundle", source="test", applied_at=timezone.now())
    kinds = {
        code: Kind.objects.get_or_create(
            code=code,
            defaults={
                "name": code.upper(),
                "plural": code,
                "family": "commissioning",
                "tier": 1,
                "is_legal_body": False,
                "is_footprint": False,
                "is_unit": False,
            },
        )[0]
        for code in ("bodytest", "othertest")
    }

    def make(*names, kind="bodytest", opened_on=date(2013, 4, 1), closed_on=None):
        start = Organisation.objects.count()
        bodies = Organisation.objects.bulk_create(
            Organisation(code=f"ZZ{start + i:04}") for i in range(len(names))
        )
        Version.objects.bulk_create(
            Version(
                organisation=body,
                kind=kinds[kind],
                name=name,
                opened_on=opened_on,
                closed_on=closed_on,
                asserted_by=release,
                source="test",
            )
            for body, name in zip(bodies, names, strict=True)
        )
        return bodies

    return make


@pytest.fixture
def read_page(client, django_user_model):
    """Return a function that gets a page as somebody signed in, and returns its text."""
    client.force_login(django_user_model.objects.create_user("sam", first_name="Sam"))

    def read_page(address, status=200):
        response = client.get(address)
        assert response.status_code == status
        return response.content.decode()

    return read_page


def names(text):
    return re.findall(r'<td class="card-title"><a [^>]*>([^<]*)</a>', text)


def test_a_list_is_not_shown_to_a_stranger(client):
    response = client.get("/bodies/")

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")


def test_a_list_says_how_many_it_shows_and_counts_nothing_dear(make, read_page):
    make(*(f"Body {i:03}" for i in range(120)))

    first = read_page("/bodies/")

    assert len(names(first)) == 50
    assert "50 shown, there are more" in first
    assert "More than 100 bodies" in read_page("/counted/")
    make(*(f"Other {i:03}" for i in range(70)))
    assert "70 bodies" in read_page("/counted/?q=other")


def test_a_short_list_is_counted_exactly(make, read_page):
    make("Kent", "Essex")

    assert "2 bodies" in read_page("/bodies/")
    assert "1 body<" in read_page("/bodies/?q=kent")


def test_the_links_on_and_back_lead_over_every_row(make, read_page):
    make(*(f"Body {i % 7}" for i in range(120)))
    seen, address = [], "/bodies/?sort=-name"

    while address:
        text = read_page(address)
        seen += re.findall(r'name="row" value="(\d+)"', text)
        found = re.search(r'href="([^"]+)" rel="next"', text)
        address = found and found[1].replace("&amp;", "&")

    assert len(seen) == len(set(seen)) == 120
    assert 'rel="prev"' in text


def test_text_matches_the_start_of_every_word_or_of_a_code(make, read_page):
    (kent, *_) = make("Kent and Medway", "Medway", "North Kent", "Kentish Town", "Pentland")

    assert names(read_page("/bodies/?q=kent")) == ["Kent and Medway", "Kentish Town", "North Kent"]
    assert names(read_page("/bodies/?q=med+KEN")) == ["Kent and Medway"]
    assert names(read_page("/bodies/?q=ent")) == []
    assert names(read_page(f"/bodies/?q={kent.code.lower()}")) == ["Kent and Medway"]
    assert names(read_page("/bodies/?q=%25")) == []
    assert "Null characters are not allowed" in read_page("/bodies/?q=%00")


def test_each_filter_that_is_on_is_a_chip_that_leads_to_the_list_without_it(make, read_page):
    make("Kent", "Essex")
    make("Kent Other", kind="othertest")

    text = read_page("/bodies/?q=kent&kind=bodytest&kind=othertest&sort=code&on=2020-03-31")
    chips = re.findall(r'<a class="chip" href="([^"]+)" aria-label="([^"]+)"', text)

    assert [label for _, label in chips] == [
        "Take off Name or code: kent",
        "Take off Kind: BODYTEST",
        "Take off Kind: OTHERTEST",
    ]
    assert (
        chips[0][0] == "/bodies/?kind=bodytest&amp;kind=othertest&amp;sort=code&amp;on=2020-03-31"
    )
    assert "kind=othertest" in chips[1][0] and "kind=bodytest" not in chips[1][0]


def test_a_filter_set_to_what_it_cannot_be_shows_no_rows_and_says_why(make, read_page):
    make("Kent")

    text = read_page("/bodies/?opened_on=yesterday")

    assert names(text) == []
    assert "Enter a valid date." in text


def test_the_day_chooses_the_rows_and_every_link_keeps_it(make, read_page):
    make("Old", closed_on=date(2020, 4, 1))
    make("New", opened_on=date(2020, 4, 1))

    text = read_page("/bodies/?on=2020-03-31")

    assert names(text) == ["Old"]
    assert names(read_page("/bodies/?on=2020-04-01")) == ["New"]
    assert re.search(r'href="/bodies/ZZ\d+/\?on=2020-03-31"', text)
    assert 'href="/record/?on=2020-03-31"' in text
    assert "31 Mar 2020</td>" in text  # the last day, not the first after it
    assert "Showing the NHS of 31 March 2020" in text
    assert "Showing the NHS of" not in read_page("/bodies/")


def test_what_was_known_chooses_the_rows(make, read_page):
    make("Recorded today")

    before = (timezone.localdate() - timedelta(days=1)).isoformat()

    assert names(read_page("/bodies/")) == ["Recorded today"]
    assert names(read_page(f"/bodies/?known={before}")) == []
    assert names(read_page(f"/bodies/?known={timezone.localdate().isoformat()}")) == [
        "Recorded today"
    ]


def test_the_head_of_a_sorted_column_says_so_and_turns_it_round(make, read_page):
    make("Kent", "Essex")

    text = read_page("/bodies/?sort=-name")

    assert names(text) == ["Kent", "Essex"]
    assert re.search(r'aria-sort="descending"><a href="/bodies/\?sort=name"', text)
    assert 'href="/bodies/?sort=-size"' in text  # numbers begin with the greatest


@pytest.mark.parametrize(
    "query, says",
    [
        ("sort=colour", "«colour»"),
        ("after=x", "broken"),
        ("before=%C3%A9", "broken"),
        ("after=a&before=b", "at once"),
        ("format=pdf", "«pdf»"),
        ("on=2020-02-30", "no day"),
    ],
)
def test_an_address_that_cannot_be_read_is_answered_in_words(make, read_page, query, says):
    make("Kent")

    text = read_page(f"/bodies/?{query}", status=400)

    assert says in text
    assert "This address cannot be read" in text
    assert "<nav" in text


def test_an_empty_list_says_what_to_do(read_page, make):
    empty = read_page("/bodies/")

    assert "No body yet" in empty and "Load a release." in empty and 'href="/load/"' in empty
    make("Kent")
    unmatched = read_page("/bodies/?q=zzz")
    assert "Nothing matches" in unmatched and "Take the filters off" in unmatched


def test_columns_may_be_taken_away(make, read_page):
    make("Kent")

    text = read_page("/bodies/?columns=-&columns=size")

    assert ">From<" not in text.partition("<thead>")[2].partition("</thead>")[0]
    assert "Size" in text.partition("<thead>")[2].partition("</thead>")[0]


def read(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_file_has_the_rows_as_filtered_and_sorted(make, client, read_page):
    make("Kent", "Essex", "Kent, East", closed_on=date(2027, 4, 1))

    read_page("/bodies/")
    response = client.get("/bodies/?format=csv&q=kent&sort=-name")
    lines = read(response.content.decode())

    assert response["Content-Type"].startswith("text/csv")
    assert re.search(r'filename="bodies-on-\d{4}-\d\d-\d\d\.csv"', response["Content-Disposition"])
    assert lines[0] == ["Code", "Name", "Kind", "From", "Last day", "Size"]
    assert [line[1] for line in lines[1:]] == ["Kent, East", "Kent"]
    assert lines[1][3:5] == ["2013-04-01", "2027-03-31"]


def test_a_file_cut_short_says_so(make, read_page, client):
    make(*(f"Body {i}" for i in range(61)))
    read_page("/bodies/")

    response = client.get("/bodies/?format=csv")
    lines = read(response.content.decode())

    assert len(lines) == 1 + 60 + 1
    assert lines[-1] == ["Only the first 60 rows are here. Narrow the list for the rest."]
    assert "-first-60.csv" in response["Content-Disposition"]


@pytest.mark.parametrize(
    "value, written",
    [
        ("=1+1", "'=1+1"),
        ("+44 20", "'+44 20"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("＝1", "'＝1"),
        (-2, -2),
        (1.5, 1.5),
        (None, ""),
        ("Kent", "Kent"),
        ("a=b", "a=b"),
    ],
)
def test_no_cell_of_a_file_is_run_as_a_formula(value, written):
    assert safe(value) == written


def test_a_hostile_name_leaves_in_a_file_as_text(make, read_page, client):
    make('=HYPERLINK("http://x";"y")', "Éric")
    read_page("/bodies/")

    text = client.get("/bodies/?format=csv").content.decode()

    assert read(text)[1][1].startswith("'=HYPERLINK")
    assert text.startswith("\ufeff")
    assert as_csv([["=a"]]) == "\ufeff'=a\r\n"


@pytest.mark.parametrize("rows", [1, 30])
def test_a_list_asks_the_database_the_same_however_long_it_is(
    make, read_page, django_assert_num_queries, rows
):
    make(*(f"Body {i}" for i in range(rows)))
    presets()  # kept in the process; the first page of a process asks for them

    with django_assert_num_queries(6):  # session, user, kinds to filter by, rows, views, alerts
        read_page("/bodies/")


def test_a_ticked_row_is_posted_to_each_bulk_action(make, read_page):
    make("Kent")

    text = read_page("/bodies/")

    assert 'formaction="/watch/"' in text
    assert re.search(
        r'<input type="checkbox" name="row" value="\d+" aria-label="Select Kent">', text
    )


# --- The house style ---------------------------------------------------------------------------

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


@pytest.mark.parametrize(
    "template", TEMPLATES, ids=lambda t: str(t.relative_to(settings.BASE_DIR))
)
def test_no_template_has_inline_style_or_script(template):
    text = template.read_text()

    if "emails" not in template.parts:  # a letter has no policy, and no other way to be styled
        assert not re.search(r"<style\b|\sstyle=", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"https?://(?!www\.w3\.org)[^\"'\s]*\.(js|css|woff2?)", text)


@override_settings(DEBUG=False)
def test_the_pages_for_what_went_wrong_are_in_our_look(read_page):
    assert "Nothing at this address" in read_page("/no-such-page/", status=404)
