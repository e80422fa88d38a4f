"""What counts as growth: a test of the soak's own judgement."""

from collections.abc import Callable

from tests.soak.growth import Sample, growing


def run(rss_mb: Callable[[int], float]) -> list[Sample]:
    return [Sample(10.0 * n, "alice", rss_mb(n), 11, 2.0, 0.2) for n in range(120)]


def test_what_swings_about_a_mean_does_not_grow() -> None:
    assert growing(run(lambda n: 100 + 8 * (n % 3))) == []


def test_what_rises_slowly_is_found_and_named() -> None:
    (words,) = growing(run(lambda n: 100 + n / 2))
    assert words.startswith("alice: rss_mb grew from ")


def test_the_beginning_is_not_looked_at() -> None:
    assert growing(run(lambda n: min(30 + 5 * n, 100))) == []
