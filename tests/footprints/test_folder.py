"""The watched folder: whole files are received once, and whoever put them there sees it."""

import io
import os
import time
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils.timezone import now

from footprints import folder, tasks
from footprints.models import Report
from footprints.services.receiving import receive_report

pytestmark = pytest.mark.django_db

TEXT = b'"A81001","THE DENSHAM SURGERY"\r\n'


@pytest.fixture
def watched(tmp_path):
    path = tmp_path / "watched"
    path.mkdir()
    return path


def look(path, *, later=60):
    """Look at the folder a minute from now, when what lies there is quiet."""
    return list(folder.receive(path, at=now() + timedelta(seconds=later)))


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def test_a_file_is_received_kept_and_moved(watched):
    (watched / "epraccur.csv").write_bytes(TEXT)

    (report,) = look(watched)

    assert (report.name, report.size, report.via, report.by) == (
        "epraccur.csv",
        len(TEXT),
        "folder",
        None,
    )
    with report.file.open() as kept:
        assert kept.read() == TEXT
    assert names(watched) == ["received"]
    assert (watched / "received" / "epraccur.csv").read_bytes() == TEXT
    assert look(watched) == []


def test_a_file_that_still_grows_waits(watched):
    growing = watched / "fullfile.xml"
    growing.write_bytes(b"<half")
    os.utime(growing, (0, 0))  # as a copy that is given the time of its original

    assert look(watched, later=5) == []
    assert names(watched) == ["fullfile.xml"]
    assert len(look(watched)) == 1


@pytest.mark.parametrize(
    "name", [".etr.csv.x8Yq", "etr.csv.part", "etr.csv.FILEPART", "~$ePCN.xlsx", "etr.csv~"]
)
def test_the_name_of_a_file_that_is_being_written_is_passed_by(watched, name):
    (watched / name).write_bytes(TEXT)

    assert look(watched) == []
    assert names(watched) == [name]


def test_files_are_received_the_oldest_first(watched):
    for day, name in enumerate(("b.csv", "c.csv", "a.csv"), 1):
        (watched / name).write_bytes(name.encode())
        os.utime(watched / name, (day * 86_400, day * 86_400))

    assert [report.name for report in look(watched)] == ["b.csv", "c.csv", "a.csv"]


def refusal(path, name):
    assert (path / "refused" / name).exists() or (path / "refused" / name).is_symlink()
    return (path / "refused" / f"{name}.txt").read_text()


def test_a_link_is_refused_and_not_followed(watched, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_bytes(TEXT)
    (watched / "etr.csv").symlink_to(secret)

    assert look(watched) == []
    assert refusal(watched, "etr.csv") == "It is a link. Put the file itself here.\n"
    assert secret.read_bytes() == TEXT
    assert not Report.objects.exists()


def test_a_link_that_took_a_files_place_is_not_followed(watched, tmp_path, monkeypatch):
    """Between the look at what it is and the opening: as the system call sees it."""
    secret = tmp_path / "secret.csv"
    secret.write_bytes(TEXT)
    (watched / "etr.csv").write_bytes(TEXT)
    opened = os.open

    def late(path, flags, *args, **kwargs):
        if str(path).endswith("etr.csv"):
            os.unlink(path)
            os.symlink(secret, path)
        return opened(path, flags, *args, **kwargs)

    monkeypatch.setattr(folder.os, "open", late)
    assert look(watched) == []
    monkeypatch.undo()
    assert not Report.objects.exists()
    assert look(watched) == []
    assert "It is a link" in refusal(watched, "etr.csv")


def test_what_is_no_file_is_refused(watched):
    (watched / "old").mkdir()
    os.mkfifo(watched / "pipe.csv")
    (watched / "empty.csv").touch()

    assert look(watched) == []
    assert "It is a folder" in refusal(watched, "old")
    assert refusal(watched, "pipe.csv") == "It is no file.\n"
    assert refusal(watched, "empty.csv") == "It is empty.\n"


def test_a_file_larger_than_any_report_is_refused_unread(watched):
    with (watched / "fullfile.xml").open("wb") as file:
        file.truncate(2 * 2**30)  # two gigabytes that take no room

    started = time.monotonic()
    assert look(watched) == []

    assert time.monotonic() - started < 2
    assert refusal(watched, "fullfile.xml") == "It has 2,048 MB; 1,536 MB are the most.\n"


def test_the_same_file_again_is_refused_with_the_report_it_is(watched):
    receive_report(io.BytesIO(TEXT), name="epraccur.csv", via=Report.Via.FORM)
    (watched / "again.csv").write_bytes(TEXT)

    assert look(watched) == []
    assert "here already: epraccur.csv, waiting to be read" in refusal(watched, "again.csv")

    (watched / "first.csv").write_bytes(b"other")
    assert len(look(watched)) == 1
    (watched / "first.csv").write_bytes(b"other")
    assert look(watched) == []
    assert "here already: first.csv" in refusal(watched, "first.csv")


def test_a_worker_killed_before_it_moved_a_file_leaves_no_second_report(watched):
    (watched / "etr.csv").write_bytes(TEXT)
    receive_report(io.BytesIO(TEXT), name="etr.csv", via=Report.Via.FOLDER)

    assert look(watched) == []
    assert names(watched) == ["received"]
    assert Report.objects.count() == 1


def test_a_name_that_is_taken_is_numbered(watched):
    for text in (b"one", b"two"):
        (watched / "etr.csv").write_bytes(text)
        assert len(look(watched)) == 1

    assert names(watched / "received") == ["etr-2.csv", "etr.csv"]


def test_a_name_that_is_no_text_is_received(watched):
    (watched / os.fsdecode(b"\xe9tr.csv")).write_bytes(TEXT)

    (report,) = look(watched)

    assert report.name == "�tr.csv"


def test_a_file_that_grew_while_it_was_read_is_left_there(watched, monkeypatch, caplog):
    growing = watched / "etr.csv"
    growing.write_bytes(TEXT)

    def grow(file, **kwargs):
        report = receive_report(file, **kwargs)
        with growing.open("ab") as more:
            more.write(TEXT)
        return report

    monkeypatch.setattr(folder, "receive_report", grow)
    assert look(watched) == []
    monkeypatch.undo()

    assert names(watched) == ["etr.csv"]
    assert not Report.objects.exists()
    assert "it grew while it was read" in caplog.text
    (report,) = look(watched)
    assert report.size == 2 * len(TEXT)


def test_a_folder_that_is_not_there_is_said(tmp_path, caplog):
    assert look(tmp_path / "nowhere") == []
    assert "is no folder" in caplog.text


def test_the_clock_looks_where_a_folder_is_set(watched, settings):
    (watched / "etr.csv").write_bytes(TEXT)
    old = time.time() - 3600
    os.utime(watched / "etr.csv", (old, old))

    settings.REPORTS_FOLDER = ""
    tasks.look_in_folder()
    assert names(watched) == ["etr.csv"]

    settings.REPORTS_FOLDER = str(watched)
    tasks.look_in_folder()  # it came this second, whatever its time says: it waits
    assert names(watched) == ["etr.csv"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_receive_each_file_once(watched):
    for number in range(12):
        (watched / f"{number}.csv").write_bytes(str(number).encode())
    start, received, failures = Barrier(3), [], []

    def work():
        try:
            start.wait()
            for _ in range(12):
                received.extend(look(watched))
        except Exception as error:  # pragma: no cover
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sorted(report.name for report in received) == sorted(f"{n}.csv" for n in range(12))
    assert Report.objects.count() == 12
    assert len(names(watched / "received")) == 12
    assert names(watched) == ["received"]
