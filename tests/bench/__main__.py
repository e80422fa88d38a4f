"""``python -m tests.bench``: the figures of the README, each beside its limit, measured in the same run."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench import latency, mail, mail_nodes, mapping, pipeline, population
from tests.bench.report import Figure, Options, table

BENCHES = {
    "population": population.measure, "pipeline": pipeline.measure, "latency": latency.measure,
    "mapping": mapping.measure, "mail": mail.measure,
    "mail-nodes": mail_nodes.measure,
}  # fmt: skip


def main() -> int:
    """Run what was asked for; 1 when a figure does not reach what is required of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHES)}; all without")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer runs")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where table and plots go")
    parser.add_argument("--data", type=Path, help="a public issue archive (see `backbone demo --help`)")
    parser.add_argument("--template", default="classic", choices=sorted(population.CLASSES), help="the target tracker")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(BENCHES))
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(BENCHES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    figures = _measured(options)
    text = table(figures)
    (options.out / "table.md").write_text(f"{text}\n", encoding="utf-8")
    print(text)
    return 0 if all(figure.met for figure in figures) else 1


def _measured(asked: argparse.Namespace) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="bb"))
    figures: list[Figure] = []
    for name in asked.names or BENCHES:
        (folder / name[:2]).mkdir()
        figures += BENCHES[name](Options(asked.quick, asked.out, folder / name[:2], asked.data, asked.template))
        shutil.rmtree(folder / name[:2])
    shutil.rmtree(folder)
    return figures


if __name__ == "__main__":
    sys.exit(main())
