"""Reading on one core while the database works on the other."""

import threading
import time
from contextlib import closing

import pytest

from footprints.reports.limits import Unreadable
from footprints.services.merging.ahead import EARLY, ahead


def batches(number, met):
    for each in range(number):
        met.append(each)
        yield [each]


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "reading ahead"]


@pytest.mark.parametrize("number", [0, 1, EARLY, 3 * EARLY + 1])
def test_every_batch_comes_once_and_in_order(number):
    with closing(ahead(batches(number, []))) as made:
        found = list(made)

    assert found == [[each] for each in range(number)]
    assert readers() == []


def test_what_goes_wrong_in_reading_is_raised_where_batches_are_awaited():
    def half_a_file():
        yield "a batch"
        raise Unreadable("This is half a file.")

    found = []
    with pytest.raises(Unreadable, match="half a file"), closing(ahead(half_a_file())) as made:
        for batch in made:
            found.append(batch)

    assert found == ["a batch"]
    assert readers() == []


def test_it_reads_only_so_far_ahead_and_stops_when_nobody_listens():
    met = []
    with closing(ahead(batches(10 * EARLY, met))) as made:
        next(made)
        settled = -1
        while settled != len(met):
            settled = len(met)
            time.sleep(0.2)
        # Those waiting, the one handed over, and the one in the reader's hand.
        assert len(met) == EARLY + 2

    assert readers() == []
    assert len(met) <= EARLY + 3
