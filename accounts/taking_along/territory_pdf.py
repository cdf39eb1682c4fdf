"""Draws a territory's brief on one page of A4: map, numbers, people, what is coming."""

from datetime import date
from io import BytesIO

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, Table, TableStyle

from footprints.lives import titled
from footprints.names import abridged, count
from footprints.written import day_in_full, day_in_short, number, period

from ..territories.pictures import SIDE, Picture
from .brief_pdf import HEAD, LINED, PLAIN, SECTION, SMALL, TITLE, WIDTH, Page, drawable
from .territory_brief import TerritoryBrief

MAP_WIDTH, MAP_HEIGHT = 72 * mm, 78 * mm
FILLS = {"ours": HexColor("#2f7f93"), "others": HexColor("#d5dbdd"), "land": HexColor("#eef0ef")}
PART = ParagraphStyle("part", parent=SECTION, spaceBefore=4 * mm, spaceAfter=1 * mm)
MOST_UNITS, MOST_PEOPLE = 14, 8  # are named; more are counted


class _Map(Flowable):
    """The map: the territory's squares are dark and carry their codes, or its dots are dark."""

    def __init__(self, picture: Picture):
        super().__init__()
        self.picture = picture
        self.scale = min(MAP_WIDTH / picture.width, MAP_HEIGHT / picture.height)
        self.width, self.height = picture.width * self.scale, picture.height * self.scale

    def wrap(self, *room):
        return self.width, self.height

    def draw(self):
        picture = self.picture
        canvas, side = self.canv, (picture.dot or SIDE) * self.scale
        gap = 0 if picture.is_of_dots else 0.8
        # The territory's own last: dots lie on one another.
        for square in sorted(picture.squares, key=lambda square: square.fill == "ours"):
            x, y = square.x * self.scale, self.height - square.y * self.scale - side
            canvas.setFillColor(FILLS.get(square.fill, FILLS["land"]))
            canvas.rect(x, y, side - gap, side - gap, stroke=0, fill=1)
            if square.fill == "ours" and not picture.is_of_dots:
                canvas.setFillColor(HexColor("#ffffff"))
                canvas.setFont("Helvetica", side / max(3.4, 0.75 * len(square.code)))
                canvas.drawCentredString(x + side / 2, y + side / 3, square.code)


def as_pdf(brief: TerritoryBrief, *, asked_by: str, on: date, address: str) -> bytes:
    """The brief as a file: one page. ``address`` leads back to the territory's page; ``on`` is the
    day on which it was taken."""
    file = BytesIO()
    page = Page(Canvas(file, pagesize=A4, invariant=True))
    plan, here = brief.territory.plan, brief.territory
    page.about(f"{here}, {plan.name}", asked_by, address)
    page.line("WAYMARK · TERRITORY BRIEF", HEAD, 4)
    page.line(str(here), TITLE, 3)
    page.line(f"{plan.name}, {plan.team} · as on {day_in_full(brief.day)}", PLAIN, 8)
    page.draw(_top(brief), 5 * mm)
    page.line(f"What is coming: {_things(brief)}", SECTION, 3)
    page.table(
        ("When", "What", "Here"),
        (0.14, 0.5, 0.36),
        [_event(coming) for coming in brief.coming] or [("", "Nothing open touches it.", "")],
        room=85 * mm,
        where="on the plan's page",
    )
    page.line("Stakeholders in post at its units", SECTION, 3)
    rows = [
        (str(tenure.person), tenure.post.role, tenure.post.organisation.code)
        for tenure in brief.tenures
    ]
    page.table(
        ("Who", "Post", "Where"),
        (0.36, 0.48, 0.16),
        rows or [("Nobody we know of.", "", "")],
        room=12 * mm,
        where="under People",
    )
    if brief.vacant_posts:
        posts = count(brief.vacant_posts, "post there is", "posts there are").capitalize()
        page.line(f"{posts} held by nobody.", SMALL, 2)
    page.foot(f"Taken by {asked_by} on {day_in_full(on)} · {address}")
    page.canvas.showPage()
    page.canvas.save()
    return file.getvalue()


def _things(brief: TerritoryBrief) -> str:
    if not brief.coming:
        return "nothing"
    return count(len(brief.coming), "reorganisation", "reorganisations")


def _event(coming) -> tuple[str, str, str]:
    state = "" if coming.is_decided else " (not decided)"
    return day_in_short(coming.on), f"{coming.title}{state}", coming.does


def _top(brief: TerritoryBrief) -> Table:
    """The map, and beside it the numbers and who works it."""
    picture = brief.picture
    if picture and picture.squares:
        what = "dot" if picture.is_of_dots else "square"
        left = [_Map(picture), _words(f"{brief.map_of}, a {what} each; dark are its own.", SMALL)]
    else:
        left = [_words("Nobody knows where its units lie: there is no map.", SMALL)]
    right = [
        _words("In numbers", SECTION),
        _facts(_numbers(brief)),
        _words("Who works it", PART),
    ]
    right.append(_facts(_people(brief)))
    right += [_words("Its units", PART), _words(_units(brief), PLAIN)]
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    gap = 8 * mm
    parts = [MAP_WIDTH + gap, WIDTH - MAP_WIDTH - gap]
    return Table([[left, right]], colWidths=parts, style=style)


def _people(brief: TerritoryBrief) -> list[tuple]:
    rows = [
        (f"{entry.get_role_display()}, {period(entry.opened_on, entry.closed_on)}", entry)
        for entry in brief.roster[:MOST_PEOPLE]
    ]
    more = len(brief.roster) - MOST_PEOPLE
    if more > 0:
        rows.append(("", f"and {number(more)} more"))
    return rows or [("Owner", "vacant")]


def _words(text, style) -> Paragraph:
    return Paragraph(drawable(str(text)), style)


def _facts(rows) -> Table:
    width = WIDTH - MAP_WIDTH - 8 * mm
    lines = [(_words(what, SMALL), _words(value, PLAIN)) for what, value in rows]
    return Table(lines, colWidths=[width * 0.5, width * 0.5], style=LINED)


def _numbers(brief: TerritoryBrief) -> list[tuple[str, str]]:
    row = brief.row
    rows = [("Units", number(row.units) + (f", {row.closed} closed by now" if row.closed else ""))]
    if row.people is not None:
        more = (
            "" if not row.uncounted else f", and {count(row.uncounted, 'unit', 'units')} unknown"
        )
        rows.append(("People", number(row.people) + more))
    if brief.index is not None:
        rows.append(("People against a mean of 100", str(brief.index)))
    if brief.practices:
        rows.append(("Practices", number(brief.practices)))
    if brief.territory.capacity is not None:
        rows.append(("Capacity", f"{brief.territory.capacity.normalize():f} days a year"))
    if brief.systems:
        rows.append(("Lies in", brief.systems))
    return rows


def _units(brief: TerritoryBrief) -> str:
    named = [
        f"{abridged(titled(version))} ({version.organisation.code})"
        for version in brief.units[:MOST_UNITS]
    ]
    more = len(brief.units) - MOST_UNITS
    return "; ".join(named) + (f"; and {number(more)} more." if more > 0 else ".")


__all__ = ["as_pdf"]
