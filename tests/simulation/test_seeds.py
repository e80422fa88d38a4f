"""Many seeds in several processes: what fails is told, and how to have it again."""

from pathlib import Path

import pytest

from tests.simulation import __main__ as command_line
from tests.simulation import seeds
from tests.simulation.kinds import KINDS, kind_of
from tests.simulation.seeds import Job, results


@pytest.mark.parametrize("workers", [1, 2])
def test_a_seed_that_ends_in_a_fault_is_told_and_the_next_is_run(workers: int) -> None:
    jobs = [Job(0, "", {"unheard of": True}, 5), Job(1, "", {}, 5)]
    first, second = results(jobs, workers)
    assert (first.job.seed, second.job.seed) == (0, 1)
    assert "unheard of" in first.broken[0]
    assert second.trace


def test_a_process_that_has_done_its_share_gives_way_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AT_ONCE", "TURNS"):
        monkeypatch.setattr(seeds, name, 1)
    assert [done.broken for done in results([Job(seed, "", {}, 1) for seed in range(4)], 2)] == [[]] * 4


def test_every_kind_has_its_turn_and_can_be_had_by_its_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {kind_of(seed) for seed in range(100)} == set(KINDS)
    for kind, world in KINDS.items():
        monkeypatch.setattr("sys.argv", ["simulation", *kind.split()])
        job = command_line._job(command_line._options(), 7)
        assert sorted(job.kind.split()) == sorted(kind.split())
        assert job.world.items() >= world.items()
    monkeypatch.setattr("sys.argv", ["simulation", "--seeds", "2", "--steps", "5", "--mixed"])
    assert command_line.main() == 0
    assert "2 seeds, 0 failed" in capsys.readouterr().out


def test_a_failing_seed_ends_with_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.simulation.promises.always", lambda _world: ["a promise"])
    monkeypatch.setattr("sys.argv", ["simulation", "--seeds", "1", "--from", "4", "--cutting"])
    assert command_line.main() == 1
    told = capsys.readouterr().out
    assert "a promise" in told
    assert "-m tests.simulation --from 4 --seeds 1 --story --cutting\n" in told
    assert Path(told.split("again: ")[1].split(" -m")[0]).is_file()
