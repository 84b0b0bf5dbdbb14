"""Process groups: joined for a block and left after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from gansmith.core import distributed
from support import environment, finish

CPU = torch.device("cpu")


@pytest.fixture
def as_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of torchrun with two processes; a group that is made here has this one alone, so that nothing waits."""
    real = dist.init_process_group
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(dist, "rendezvous", lambda _: iter([(dist.HashStore(), 0, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, store, **_: real(backend, store=store, rank=0, world_size=1))


@pytest.mark.usefixtures("as_one_of_two")
def test_a_group_is_left_where_it_was_joined() -> None:
    with distributed.joined(CPU):
        assert dist.is_initialized()
        with distributed.joined(CPU):  # joined before: not ours to leave
            assert not distributed.join(CPU)
        assert dist.is_initialized()
    assert not dist.is_initialized()
    with pytest.raises(ZeroDivisionError), distributed.joined(CPU):  # noqa: PT012
        assert dist.is_initialized()
        raise ZeroDivisionError
    assert not dist.is_initialized()


def test_one_process_has_no_group_to_join() -> None:
    with distributed.joined(CPU):
        assert not dist.is_initialized()


SCRIPT = """
import torch
from gansmith.core import distributed

cpu, seen = torch.device("cpu"), []
for i in range(4):
    with distributed.joined(cpu):
        seen.append(distributed.agree(10 * i + distributed.rank(), cpu))
print(seen)
"""


def test_two_processes_join_again_after_they_left(tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "both.py"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment() | {"OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    answer = finish(process, timeout=100)
    assert answer.code == 0, answer.err
    assert answer.out.count("[0, 10, 20, 30]") == 2  # both may print on one line
