"""A command of ours in a checkout that was never started."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_a_command_before_the_first_run_makes_the_tables_and_loads_the_register(tmp_path):
    unset = ("DATABASE_URL", "CELERY_BROKER_URL", "EMBEDDED_SERVICES_HELD")
    env = {name: value for name, value in os.environ.items() if name not in unset}
    env |= {
        "LOCAL_STATE_DIR": str(tmp_path / "state"),
        "LOCAL_PG_DURABLE": "0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "only this test signs with this key, which is long enough to please",
        "BASE_URL": "http://localhost:8000",
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "census", "--on", "2020-04-01", "--json"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["ccg"] == 135
    assert "First use" in done.stderr
