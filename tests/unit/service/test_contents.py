"""Comments and attachments over whole nodes: what stays at home, what is taken back, what comes late."""

from backbone.model import ATTACHMENT, COMMENT, Cell
from backbone.service.running.pruning import prune
from tests.simulation.node import Node
from tests.simulation.promises import _issues
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_parts import LARGE
from tests.unit.service.test_rules import comments, drift, put

DESCRIPTION = Cell("description")


def names(pair: Pair, node: Node) -> list[str]:
    return sorted(str(v["name"]) for c, v in pair.cells(node).items() if c.field == ATTACHMENT and isinstance(v, dict))


def text(node: Node, title: str) -> str:
    (found,) = [i.cells for i in _issues(node) if i.cells[Cell("title")] == title]
    return str(found[Cell("description")])


async def agree(pair: Pair) -> None:
    """Both at rest, nothing aside, and each tracker as its node believes."""
    await pair.settle()
    for node in (pair.alice, pair.bob):
        assert (pair.aside(node), await drift(node)) == ([], ())


def test_a_comment_that_becomes_internal_is_taken_back_and_its_edits_stay_here() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks")
        alice = pair.alice.tracker
        first = alice.comment("1", "hello")
        alice.comment("1", "salaries", visibility="managers")
        await agree(pair)
        assert [text.rsplit("\n")[-1] for text in comments(pair, pair.bob)] == ["hello"]
        alice.edit_comment("1", first, "hello, and a secret", visibility="internal")
        await agree(pair)
        assert comments(pair, pair.bob) == []
        alice.edit_comment("1", first, "hello again", visibility="")
        await agree(pair)
        assert [text.rsplit("\n")[-1] for text in comments(pair, pair.bob)] == ["hello again"]

    run(story)


def test_an_edit_there_of_what_is_taken_back_here_waits_for_a_person() -> None:
    async def story(pair: Pair) -> None:
        put(pair.alice, comments={"send": {"words": ["#bob"]}})
        issue(pair, "it leaks")
        first = pair.alice.tracker.comment("1", "hello #bob")
        await agree(pair)
        (there,) = [c.element for c in pair.cells(pair.bob) if c.field == COMMENT]
        for number in range(20):  # bob's edit is the newest
            pair.bob.tracker.edit_comment("1", there, f"edit {number} #bob", "bob")
        pair.alice.tracker.edit_comment("1", first, "a secret")
        await pair.settle()
        assert comments(pair, pair.alice) == ["a secret"]
        assert all("secret" not in text for text in comments(pair, pair.bob))
        ((kind, reason),) = pair.aside(pair.alice)
        assert (kind, "not shared any more" in reason) == ("issue", True)

    run(story)


def test_an_issue_that_enters_late_comes_with_its_comments_and_the_contents_of_its_files() -> None:
    async def story(pair: Pair) -> None:
        put(
            pair.alice,
            only_if=[{"local": "labels", "values": ["share"]}],
            comments={"send": {"words": ["#bob"]}},
            attachments={"send": {"names": ["*.txt"]}},
        )
        issue(pair, "it leaks")
        alice = pair.alice.tracker
        alice.comment("1", "for #bob")
        alice.comment("1", "for us")
        alice.attach("1", "log.txt", b"log")
        alice.attach("1", "log.png", b"picture")
        await pair.settle()
        assert await prune(pair.alice.ep) == 1  # nothing asked for the content yet
        alice.edit("1", {Cell("labels", "share"): True})
        await agree(pair)
        assert [text.rsplit("\n")[-1] for text in comments(pair, pair.bob)] == ["for #bob"]
        assert names(pair, pair.bob) == ["log.txt"]

    run(story)


def test_an_issue_that_enters_while_the_partner_writes_comes_with_its_files() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "shared")
        await agree(pair)
        put(pair.alice, attachments={"send": {"names": ["*.txt"]}})
        file = pair.alice.tracker.attach("1", "log.png", b"picture")
        await pair.settle()
        assert not pair.alice.ep.contents.has(_sha256(pair, file))
        pair.bob.tracker.edit("1", {Cell("title"): "edited there"}, "bob")
        put(pair.alice)
        pair.alice.tracker.edit("1", {Cell(ATTACHMENT, file): {"name": "log.txt"}})
        await agree(pair)
        assert (pair.title(pair.alice), names(pair, pair.bob)) == ("edited there", ["log.txt"])

    run(story)


def _sha256(pair: Pair, file: str) -> str:
    value = pair.cells(pair.alice)[Cell(ATTACHMENT, file)]
    assert isinstance(value, dict)
    return str(value["sha256"])


def test_what_the_owner_takes_away_goes_and_what_another_takes_away_stays_with_the_owner() -> None:
    async def story(pair: Pair) -> None:
        put(pair.alice)
        put(pair.bob)
        issue(pair, "it leaks")
        first = pair.alice.tracker.attach("1", "first", b"1")
        pair.alice.tracker.attach("1", "second", b"2")
        await agree(pair)
        (there,) = [c.element for c, v in pair.cells(pair.bob).items() if isinstance(v, dict) and v["name"] == "second"]
        pair.bob.tracker.remove_attachment("1", there, "bob")
        pair.alice.tracker.remove_attachment("1", first)
        await agree(pair)
        assert (names(pair, pair.alice), names(pair, pair.bob)) == (["second"], [])

    run(story)


def test_two_files_of_one_name_are_two_and_a_new_name_is_the_same_file() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "it leaks")
        one = pair.alice.tracker.attach("1", "log.txt", b"1")
        pair.bob.tracker.refuse = None
        await agree(pair)
        pair.bob.tracker.attach("1", "log.txt", b"2", "bob")
        await agree(pair)
        assert names(pair, pair.alice) == names(pair, pair.bob) == ["log.txt", "log.txt"]
        pair.alice.tracker.edit("1", {Cell(ATTACHMENT, one): {"name": "../new.txt"}})
        await agree(pair)
        assert names(pair, pair.alice) == ["../new.txt", "log.txt"]
        assert names(pair, pair.bob) == ["_new.txt", "log.txt"]

    run(story)


def test_what_the_partner_sends_and_nobody_wants_is_not_written_and_not_missed() -> None:
    async def story(pair: Pair) -> None:
        put(pair.bob, attachments={"take": {"types": ["image/*"]}}, comments={"direction": "to_remote"})
        issue(pair, "it leaks")
        pair.alice.tracker.attach("1", "log.txt", b"1", media_type="text/plain")
        pair.alice.tracker.attach("1", "log.png", b"2", media_type="image/png")
        pair.alice.tracker.comment("1", "hello")
        await agree(pair)
        assert names(pair, pair.bob) == ["log.png"]
        assert comments(pair, pair.bob) == []

    run(story)


def test_texts_name_issues_as_each_tracker_numbers_them_also_those_that_come_later() -> None:
    async def story(pair: Pair) -> None:
        alice, bob = pair.alice.tracker, pair.bob.tracker
        for number in range(3):
            bob.create({Cell("title"): f"bob {number}", Cell("description"): "bob"}, "bob")
        alice.create({Cell("title"): "first", Cell("description"): "see #2, #3 and #99"}, "alice")
        alice.create({Cell("title"): "second", Cell("description"): "after #1"}, "alice")
        alice.create({Cell("title"): "third", Cell("description"): "x"}, "alice")
        alice.comment("1", "not #3")
        await agree(pair)
        numbers = {str(i.cells[Cell("title")]): i.local for i in _issues(pair.bob)}
        assert numbers["second"] != "2"
        assert text(pair.bob, "first") == f"see #{numbers['second']}, #{numbers['third']} and #99"
        assert text(pair.bob, "second") == f"after #{numbers['first']}"
        said = [v["text"] for i in _issues(pair.bob) for c, v in i.cells.items() if isinstance(v, dict)]
        assert said == [f"alice wrote:\n\nnot #{numbers['third']}"]
        edited = f"see #{numbers['third']} first"
        bob.edit(numbers["first"], {Cell("description"): edited}, "bob")
        await agree(pair)
        assert text(pair.alice, "first") == "see #3 first"
        assert text(pair.bob, "first") == edited

    run(story)


def test_a_text_that_comes_before_its_file_is_completed_with_it() -> None:
    async def story(pair: Pair) -> None:
        put(pair.alice, text={"attachments": ["![]({name})"]})
        put(pair.bob, text={"attachments": ["a{id}"]})
        local = issue(pair, "it leaks")
        await agree(pair)
        pair.alice.tracker.attach(local, "plan.png", LARGE)
        pair.alice.tracker.edit(local, {DESCRIPTION: "See ![the plan](plan.png)"}, "alice")
        air = pair.world.airs[0]
        for what in ("capture", "send", "send"):
            await pair.world._act(pair.alice, what)
        content = [parcel for parcel in air.flying if len(parcel.data) > len(LARGE) / 10]
        air.flying = [parcel for parcel in air.flying if parcel not in content]
        for what in ("receive", "parts", "apply", "apply"):
            await pair.world._act(pair.bob, what)
        assert (names(pair, pair.bob), text(pair.bob, "it leaks").strip()) == ([], "See the plan")
        assert content
        air.flying += content
        await agree(pair)
        (there,) = [cell.element for cell in pair.cells(pair.bob) if cell.field == ATTACHMENT]
        assert text(pair.bob, "it leaks").strip() == f"See {there}"
        pair.bob.tracker.edit("1", {DESCRIPTION: f"See {there} twice: {there}"}, "bob")
        await agree(pair)
        assert text(pair.alice, "it leaks") == "See ![the plan](plan.png) twice: ![the plan](plan.png)"

    run(story)


def test_a_text_that_comes_with_its_file_names_it() -> None:
    async def story(pair: Pair) -> None:
        put(pair.alice, text={"attachments": ["![]({name})"]})
        put(pair.bob, text={"attachments": ["a{id}"]})
        local = issue(pair, "it leaks")
        pair.alice.tracker.attach(local, "plan.png", b"plan")
        pair.alice.tracker.edit(local, {DESCRIPTION: "See ![the plan](plan.png)"}, "alice")
        await agree(pair)
        (there,) = [cell.element for cell in pair.cells(pair.bob) if cell.field == ATTACHMENT]
        assert text(pair.bob, "it leaks").strip() == f"See {there}"
        assert text(pair.alice, "it leaks") == "See ![the plan](plan.png)"

    run(story)
