"""Draws a brief on one page of A4, whatever there is to say: what has no room is counted.

In the fonts that every reader of PDF has; a letter that these lack (ŵ) is written as the nearest.
"""

import unicodedata
from datetime import date
from html import escape
from io import BytesIO

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, Table, TableStyle

from footprints.lives import titled
from footprints.names import abridged, count
from footprints.written import day_in_full, day_in_short, number, share

from .brief import Brief, Pair, Task

INK, QUIET, RULE, WAY = map(HexColor, ("#1b2a33", "#55656e", "#c9d1d4", "#0b6a78"))
SIDE, TOP, FOOT = 18 * mm, 16 * mm, 20 * mm
WIDTH, HEIGHT = A4[0] - 2 * SIDE, A4[1]
MOST_PAIRS = 10  # of more, what must be decided would have no room

PLAIN = ParagraphStyle("plain", fontName="Helvetica", fontSize=9, leading=11.5, textColor=INK)
SMALL = ParagraphStyle("small", parent=PLAIN, fontSize=8, leading=10, textColor=QUIET)
HEAD = ParagraphStyle("head", parent=SMALL, fontName="Helvetica-Bold")
TITLE = ParagraphStyle("title", parent=PLAIN, fontName="Helvetica-Bold", fontSize=17, leading=20)
SECTION = ParagraphStyle(
    "section", parent=PLAIN, fontName="Helvetica-Bold", fontSize=11, leading=14
)

LINED = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
)


def drawable(text: str) -> str:
    """The text in the letters that the fonts have, ready for a paragraph."""
    found = []
    for letter in text.replace("→", "to"):
        try:
            letter.encode("cp1252")
        except UnicodeEncodeError:
            bare = unicodedata.normalize("NFKD", letter)
            letter = bare.encode("ascii", "ignore").decode() or "?"
        found.append(letter)
    return escape("".join(found))


def as_pdf(brief: Brief, *, asked_by: str, on: date, address: str) -> bytes:
    """The brief as a file: one page. ``address`` leads back to the event's page."""
    file = BytesIO()
    page = Page(Canvas(file, pagesize=A4))
    event = brief.event
    page.about(event.title, asked_by, address)
    page.line("WAYMARK · REORGANISATION BRIEF", HEAD, 4)
    page.line(event.title, TITLE, 3)
    page.line(_standing(brief, on), PLAIN, 9)
    page.line("What changes", SECTION, 3)
    page.table(("From", "To", "Share"), (0.44, 0.44, 0.12), _pairs(brief.pairs))
    page.line("What of ours it touches", SECTION, 3)
    page.line(_touched(brief), PLAIN, 9)
    page.line(_asks(brief), SECTION, 3)
    tasks = [
        (task.where, task.what, task.who or "—", _by(task, on))
        for task in sorted(brief.tasks, key=lambda task: (task.is_done, task.by or date.max))
    ]
    more = brief.more_plans
    page.table(
        ("Where", "What", "By whom", "By when"), (0.24, 0.42, 0.2, 0.14), tasks, room=14, more=more
    )
    page.foot(f"Taken by {asked_by} on {day_in_full(on)} · {address}")
    page.canvas.showPage()
    page.canvas.save()
    return file.getvalue()


def _standing(brief: Brief, on: date) -> str:
    event, step = brief.event, brief.step
    word = "Takes" if event.effective_on > on else "Took"
    if not event.is_decided:
        word = "Would take"
    said = [f"{word} effect on {day_in_full(event.effective_on)}."]
    said.append(f"{event.get_state_display()}{'' if event.is_decided else ': not decided'}.")
    if step and step.checked_on:
        said.append(f"Last looked at on {day_in_full(step.checked_on)}.")
    return " ".join(said)


def _pairs(pairs: list[Pair]) -> list[tuple]:
    rows = []
    for pair in pairs[:MOST_PAIRS]:
        new = _named(pair.new) if pair.new else "closes, no successor"
        if pair.new and pair.new.organisation_id == pair.old.organisation_id:
            new = f"{new}, now {pair.new.kind.name}"
        rows.append((_named(pair.old), new, share(pair.share) if pair.new else "—"))
    if len(pairs) > MOST_PAIRS:
        rows.append((f"and {number(len(pairs) - MOST_PAIRS)} more", "", ""))
    return rows or [("Nothing is said of its bodies yet.", "", "")]


def _named(version) -> str:
    return f"{abridged(titled(version))} ({version.organisation.code})"


def _touched(brief: Brief) -> str:
    if not brief.touched:
        return "Nothing of ours rests on these bodies on that day or later."
    return ", ".join(f"{number(row.count)} × {row.says}" for row in brief.touched) + "."


def _asks(brief: Brief) -> str:
    if not brief.to_decide:
        return "What must be decided: nothing"
    return f"What must be decided: {count(brief.to_decide, 'thing', 'things')}"


def _by(task: Task, on: date) -> str:
    if task.is_done:
        return "nothing to do"
    return day_in_short(task.by) + (", overdue" if task.by < on else "")


class Page:
    """A page that is filled from the top; a table takes what room there is, and says the rest."""

    def __init__(self, canvas: Canvas):
        self.canvas = canvas
        self.at = HEIGHT - TOP

    def about(self, title: str, by: str, address: str):
        self.canvas.setTitle(title)
        self.canvas.setAuthor(by)
        self.canvas.setSubject(address)

    def draw(self, flowable: Flowable, space: float):
        """Put it below what is there, and leave so much space after it."""
        _, high = flowable.wrapOn(self.canvas, WIDTH, self.at - FOOT)
        self.at -= high
        flowable.drawOn(self.canvas, SIDE, self.at)
        self.at -= space

    def line(self, text: str, style: ParagraphStyle, space: float):
        self.draw(Paragraph(drawable(text), style), space * mm / 2)

    def table(
        self,
        heads,
        parts,
        rows,
        *,
        room: float = 90 * mm,
        more: int = 0,
        where: str = "on the event's page",
    ):
        """The rows that leave ``room`` below them; ``more`` are not among them and are counted.
        ``where`` says where these are."""
        room = FOOT + room
        shown = len(rows)
        while True:
            left = len(rows) - shown + more
            lines = [tuple(Paragraph(drawable(head), HEAD) for head in heads)]
            lines += [
                tuple(Paragraph(drawable(cell), PLAIN) for cell in row) for row in rows[:shown]
            ]
            if left:
                rest = Paragraph(drawable(f"and {number(left)} more, {where}"), SMALL)
                lines.append((rest, *[""] * (len(heads) - 1)))
            table = Table(lines, colWidths=[WIDTH * part for part in parts], style=LINED)
            _, high = table.wrapOn(self.canvas, WIDTH, HEIGHT)
            if high <= self.at - room or not shown:
                break
            shown -= 1
        self.draw(table, 6 * mm)

    def foot(self, text: str):
        self.canvas.setStrokeColor(WAY)
        self.canvas.setLineWidth(1.2)
        self.canvas.line(SIDE, FOOT - 2 * mm, SIDE + WIDTH, FOOT - 2 * mm)
        paragraph = Paragraph(drawable(text), SMALL)
        _, high = paragraph.wrapOn(self.canvas, WIDTH, FOOT)
        paragraph.drawOn(self.canvas, SIDE, FOOT - 4 * mm - high)
