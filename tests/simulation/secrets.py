"""What people write into issues that take no part in the link: it must not be seen at the partner's."""

from collections.abc import Sequence

from backbone.model import ATTACHMENT, COMMENT, Cell, Issue, Value
from tests.simulation.node import Node

STATUS = Cell("status")
SCOPE = {"issues": 'issue.status != "closed"'}


class Secrets:
    """Closed issues of either side, and what was written into them since."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._before: list[dict[str, Issue]] = [{}, {}]
        self._ours: list[set[str]] = [set(), set()]
        self._texts: dict[tuple[int, str], set[str]] = {}
        self.kept = 0
        """How often somebody wrote a text into an issue that was out of scope."""
        for node in nodes:
            node.scope = SCOPE

    async def look(self, side: int) -> None:
        """Somebody edited this side's tracker."""
        before, now = self._before[side], await _issues(self._nodes[side])
        written = self._nodes[side].tracker.user
        self._ours[side] |= {local for local in now.keys() - before.keys() if now[local].author != written}
        self._before[side] = now
        for local in self._ours[side]:
            key, old = (side, local), before.get(local)
            if now[local].cells.get(STATUS) != "closed":
                self._texts.pop(key, None)
            elif old is not None and old.cells.get(STATUS) == "closed":
                fresh = _texts(now[local]) - _texts(old)
                self.kept += len(fresh)
                self._texts.setdefault(key, set()).update(fresh)

    def leaked(self) -> list[str]:
        """What stands at the partner's and should not."""
        broken = []
        for (side, local), texts in self._texts.items():
            shown = _shown(self._nodes[1 - side]) if texts else set()
            leaks = [text for text in texts if any(f"{one} ".startswith(f"{text.strip()} ") for one in shown)]
            broken += [f"leak: {text!r} of closed issue {local} of side {side}" for text in leaks]
        return broken

    async def open_all(self) -> None:
        """At the end everything takes part."""
        self._texts.clear()
        for side, node in enumerate(self._nodes):
            for local, issue in (await _issues(node)).items():
                if local in self._ours[side] and issue.cells.get(STATUS) == "closed":
                    node.tracker.edit(local, {STATUS: "open"}, "somebody")


async def _issues(node: Node) -> dict[str, Issue]:
    return {issue.local: issue for issue in await node.tracker.issues(None, 1_000)}


def _texts(issue: Issue) -> set[str]:
    """Those that nobody else writes: titles and comments have a number of their own."""
    return {text for cell, value in issue.cells.items() if (text := _text(cell, value))}


def _text(cell: Cell, value: Value) -> str:
    if cell.field in (COMMENT, ATTACHMENT) and isinstance(value, dict):
        return str(value.get("text", value.get("name")))
    return str(value) if cell.field == "title" and value is not None else ""


def _shown(node: Node) -> set[str]:
    """Titles, and comments without what stands above them."""
    from tests.simulation.promises import _issues as issues

    return {text.rsplit("\n", maxsplit=1)[-1].strip() for issue in issues(node) for text in _texts(issue)}
