"""A short fault run: the long one is `bench/faults`, which says what is compared with what."""

import os
import re
import subprocess
import sys

import pytest

from config.embedded import BASE_DIR

FAULTS = 13  # each of another kind
SECONDS = 900  # on a machine that is busy with something else; a quiet one takes one


@pytest.mark.slow
def test_no_alert_and_no_letter_is_missed_or_repeated_under_a_dozen_faults():
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--faults", str(FAULTS), "--seed", "5"],
        cwd=BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "WRONG" not in done.stdout
    *kinds, whole = re.findall(
        r"^(\S.*?) +(\d+) +0 +0 +0 +0 +\d+ +[\d.]+ +[\d.]+$", done.stdout, re.M
    )
    assert len(kinds) == FAULTS
    assert whole[0] == "all"
    assert all(int(injected) > 0 for _, injected in kinds)
    assert int(whole[1]) >= FAULTS
