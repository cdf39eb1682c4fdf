"""One story with nothing faked: a line of a file, the flag it raises, the letter, and the undo."""

import csv
import json
import shutil
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import localdate

from accounts import tasks
from accounts.demo import company
from accounts.models import Digest, Flag, TerritoryPlan, User
from footprints import bundle
from footprints.models import Release, Version

pytestmark = pytest.mark.usefixtures("register")

# A merger that nobody has announced, next October: four sub-ICB locations, two territories.
DAY = date(localdate().year + 1, 10, 1)
LAST_DAY = date(localdate().year + 1, 9, 30)
OLD = ["09D", "70F", "92A", "97R"]
NEW, NAME = "N3W0S", "NHS Surrey and Sussex ICB - N3W0S"


@pytest.fixture
def folder(tmp_path):
    """A copy of the bundled files, to be changed."""
    return shutil.copytree(bundle.REFERENCE, tmp_path / "facts")


def change(folder, name, *, close=None, add=()):
    """Give open rows whose key is in `close` their last day, and add rows; as a person would."""
    path = folder / f"{name}.csv"
    with path.open(newline="", encoding="utf-8") as file:
        heads, *rows = csv.reader(file)
    last = heads.index("last_day") if close else None
    for row in rows:
        if close and row[0] in close and not row[last]:
            row[last] = LAST_DAY.isoformat()
    rows += [[row.get(head, "") for head in heads] for row in add]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([heads, *rows])
    toml = folder / "bundle.toml"
    before = f"{name} = {len(rows) - len(add)}\n"
    text = toml.read_text()
    assert before in text
    toml.write_text(text.replace(before, f"{name} = {len(rows)}\n"))
    return len(rows) + 1


def announce(folder, *, day=str(DAY)):
    """Write the merger into the files; return the line of its first succession."""
    change(
        folder,
        "versions",
        close=OLD,
        add=[{"code": NEW, "kind": "sub_icb", "name": NAME, "first_day": DAY.isoformat()}],
    )
    change(
        folder,
        "relationships",
        close=OLD,
        add=[
            {
                "child": NEW,
                "type": "part_of",
                "parent": "S9B9J",
                "parent_kind": "icb",
                "first_day": DAY.isoformat(),
            }
        ],
    )
    end = change(
        folder,
        "successions",
        add=[
            {
                "day": day,
                "kind": "merger",
                "predecessor": old,
                "successor": NEW,
                "passes": "area",
                "confidence": "high",
                "source": "a notice in the Gazette",
            }
            for old in OLD
        ],
    )
    return end - len(OLD) + 1


def run(*command):
    said = StringIO()
    call_command(*command, stdout=said)
    return said.getvalue()


def the_clock_ticks():
    """What beat does each minute."""
    tasks.raise_flags.delay()
    tasks.send_digests.delay()


def open_flags():
    return Flag.objects.on_plans().open().filter(reorganisation__effective_on=DAY)


def test_a_merger_in_a_file_reaches_the_letter_and_is_undone(folder, mailoutbox):
    company.found(logins=False)
    the_clock_ticks()
    assert Digest.objects.unsent().count() == 0
    mailoutbox.clear()
    plan = TerritoryPlan.objects.get(name="Primary care 2026/27")
    census = run("census", "--on", DAY.isoformat(), "--json")

    # The file comes, and the register says it.
    announce(folder)
    said = run("load_register", folder)
    assert "wrote" in said
    release = Release.objects.filter(kind=Release.Kind.BUNDLE).latest("pk")
    traced = json.loads(run("trace", "92A", "--on", DAY.isoformat(), "--json"))
    assert [(place["code"], place["share"]) for place in traced] == [(NEW, 1.0)]
    counts = json.loads(run("census", "--on", DAY.isoformat(), "--json"))["counts"]
    assert counts["sub_icb"] == json.loads(census)["counts"]["sub_icb"] - 3

    # The clock ticks: a flag a plan that holds them, a letter a person who works them.
    the_clock_ticks()
    flag = open_flags().get(object_id=plan.pk)
    assert flag.get_weight_display() == "Act"
    assert {letter.to[0] for letter in mailoutbox} == {
        User.objects.get(username=username).email
        for username in ("planner", "edmund.tilley", "chloe.penfold")
    }
    (letter,) = [letter for letter in mailoutbox if letter.to[0].startswith("chloe.penfold")]
    assert letter.subject.startswith(f"1 October {DAY.year}: ")
    assert letter.subject.endswith("; your patch T19")
    for words in (
        f"→ {NEW} {NAME}",
        "97R NHS Sussex ICB - 97R: T19",
        "92A NHS Surrey Heartlands ICB - 92A: held by another territory",
        "2 territories meet in it",
    ):
        assert words in letter.body, words
    assert "T18" not in letter.body

    # Nothing is said twice, and the same file again changes nothing.
    the_clock_ticks()
    assert "up to date" in run("load_register", folder)
    assert len(mailoutbox) == 3

    # It was a mistake.
    run("undo_release", str(release.pk))
    the_clock_ticks()
    assert not open_flags().exists()
    flag.refresh_from_db()
    assert flag.lapsed_at and not flag.resolved_at
    assert run("census", "--on", DAY.isoformat(), "--json") == census
    traced = json.loads(run("trace", "92A", "--on", DAY.isoformat(), "--json"))
    assert [place["code"] for place in traced] == ["92A"]
    assert len(mailoutbox) == 3


def test_a_bad_line_is_named_and_nothing_is_written(folder):
    before = Version.objects.count(), Release.objects.count()
    line = announce(folder, day="1 October next year")

    with pytest.raises(CommandError) as refused:
        run("load_register", folder)

    assert f"successions.csv, line {line}:" in str(refused.value)
    assert "1 October next year" in str(refused.value)
    assert str(refused.value).count("successions.csv, line") == len(OLD)
    assert (Version.objects.count(), Release.objects.count()) == before
