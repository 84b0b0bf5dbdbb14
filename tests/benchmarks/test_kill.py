"""The kill harness finds runs that differ, and ten kills at random moments leave none. The long version is `make kill`."""

from __future__ import annotations

import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from support import ROOT

sys.path.append(str(ROOT / "benchmarks" / "hard"))
import kill

QUICK = ("scores=none", "watch=none", "networks.generator.widths=[8]", "networks.discriminator.widths=[8]")


def test_ten_kills_by_three_signals_leave_a_run_equal_to_the_last_bit(tmp_path: Path) -> None:
    found = kill.kill_recipe("tutorial-small", 10, random.Random(0), tmp_path, QUICK, {kill.PLOTS_ARE_DOTS: "1"})
    assert found.faults == []
    assert found.kills == {"SIGKILL": 4, "SIGTERM": 3, "SIGINT": 3}


def test_the_harness_sees_what_differs(tmp_path: Path) -> None:
    for name, content in (("whole", b"a"), ("killed", b"b")):
        for folder in ("checkpoints", "samples", "generator"):
            (tmp_path / name / folder).mkdir(parents=True)
        (tmp_path / name / "checkpoints" / "000000000001-0.safetensors").write_bytes(content)
        (tmp_path / name / "samples" / "0.png").write_bytes(b"same")
        (tmp_path / name / "log.jsonl").write_text(f'{{"images": 1, "seconds": {len(name)}}}\n')
        (tmp_path / name / "results.json").write_text('{"images": 1}')
    (tmp_path / "killed" / "report.html").touch()
    (tmp_path / "killed" / "samples" / ".x.tmp").touch()
    one, other = (kill.contents(tmp_path / name) for name in ("whole", "killed"))
    assert kill.differing(one, other) == ["checkpoint", "files", "left over", "samples/.x.tmp"]
    assert kill.differing(one, one) == []


@pytest.mark.parametrize(("moment", "code"), [((signal.SIGKILL, 0), -9), ((signal.SIGTERM, 3), 143), ((signal.SIGINT, 3), 130)])
def test_a_command_is_killed_at_the_write_that_is_named(moment: tuple[signal.Signals, int], code: int, tmp_path: Path) -> None:
    ended = kill.command(tmp_path, *kill.arguments_for("tutorial-small"), *QUICK, "--run", "run", moment=kill.Moment(*moment))
    assert ended.code == code, ended
    assert Counter(ended.text.splitlines())["Traceback"] == 0
