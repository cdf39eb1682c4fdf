"""Reading on one core while the database works on the other."""

import threading
import time
from contextlib import closing

import pytest

from footprints.reports import Missing
from footprints.reports.limits import Unreadable
from footprints.services.merging.ahead import EARLY, TOGETHER, ahead


def claims(number, met=None):
    for line in range(1, number + 1):
        if met is not None:
            met.append(line)
        yield Missing(line, f"X{line}")


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "reading ahead"]


@pytest.mark.parametrize("number", [0, 1, TOGETHER, 3 * TOGETHER + 1])
def test_every_claim_comes_once_and_in_order(number):
    with closing(ahead(claims(number))) as lists:
        found = [claim for some in lists for claim in some]

    assert found == list(claims(number))
    assert readers() == []


def test_what_goes_wrong_in_reading_is_raised_where_claims_are_awaited():
    def half_a_file():
        yield from claims(TOGETHER)
        raise Unreadable("This is half a file.")

    found = []
    with pytest.raises(Unreadable, match="half a file"), closing(ahead(half_a_file())) as lists:
        for some in lists:
            found += some

    assert len(found) == TOGETHER
    assert readers() == []


def test_it_reads_only_so_far_ahead_and_stops_when_nobody_listens():
    met = []
    with closing(ahead(claims(10 * EARLY * TOGETHER, met))) as lists:
        next(lists)
        settled = -1
        while settled != len(met):
            settled = len(met)
            time.sleep(0.2)
        # Those waiting, those handed over, and those in the reader's hand.
        assert len(met) <= (EARLY + 2) * TOGETHER

    assert readers() == []
    assert len(met) <= (EARLY + 4) * TOGETHER
