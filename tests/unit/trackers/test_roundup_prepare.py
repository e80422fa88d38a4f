"""What is put into a tracker's home, and what is said when it is not there."""

import sqlite3
from pathlib import Path

import pytest

from backbone.errors import BackboneError, ConfigError
from backbone.trackers.roundup import connect, prepare
from backbone.trackers.roundup.install import install
from tests.support.roundup import RoundupHarness, copy_home


@pytest.fixture(scope="module")
def plain_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("plain") / "home"
    install(home, "classic", "plain", "http://127.0.0.1:1/", "secret")
    return home


@pytest.fixture
def plain(plain_home: Path, tmp_path: Path) -> dict[str, object]:
    return {"home": str(copy_home(plain_home, tmp_path / "home")), "class": "issue"}


async def problems(settings: dict[str, object]) -> list[str]:
    tracker = connect(settings)
    found = list(await tracker.check())
    await tracker.close()
    return found


async def test_a_plain_tracker_is_prepared_once(plain: dict[str, object]) -> None:
    missing = await problems(plain)
    assert len(missing) == 3
    assert all("backbone tracker prepare" in sentence for sentence in missing)
    assert len(prepare(plain)) == 3
    assert prepare(plain) == []
    assert await problems(plain) == []


async def test_an_unprepared_tracker_answers_with_what_to_do(plain: dict[str, object]) -> None:
    tracker = connect(plain)
    with pytest.raises(BackboneError, match="backbone tracker prepare"):
        await tracker.head()
    await tracker.close()


async def test_history_from_before_is_in_the_feed(plain: dict[str, object]) -> None:
    home = Path(str(plain["home"]))
    people = RoundupHarness(home, "classic")
    local = people.create("before", "admin")
    prepare(plain)
    touched = await people.tracker.touched((0,), 10)
    assert [(edit.local, edit.created) for edit in touched.edits] == [(local, True)]
    await people.close()


def test_a_foreign_detector_stays(plain: dict[str, object]) -> None:
    detector = Path(str(plain["home"]), "detectors", "backbone_feed.py")
    detector.write_text("def init(db): pass\n")
    with pytest.raises(ConfigError, match="is not ours"):
        prepare(plain)
    assert detector.read_text() == "def init(db): pass\n"


async def test_an_old_detector_is_replaced(plain: dict[str, object]) -> None:
    prepare(plain)
    present = _replace_in_detector(plain, "version 1.", "version 0.")
    assert any("is not the one of this version" in sentence for sentence in await problems(plain))
    assert len(prepare(plain)) == 1
    assert _replace_in_detector(plain, "version 1.", "version 0.") == present


def _replace_in_detector(plain: dict[str, object], old: str, new: str) -> str:
    """Edit the detector as somebody might, and give what it was."""
    detector = Path(str(plain["home"]), "detectors", "backbone_feed.py")
    present = detector.read_text()
    detector.write_text(present.replace(old, new))
    return present


async def test_each_mistake_has_its_sentence(plain: dict[str, object], tmp_path: Path) -> None:
    prepare(plain)
    assert "there is no Roundup tracker" in (await problems({"home": str(tmp_path / "nowhere")}))[0]
    assert "one of issue" in (await problems({**plain, "class": "bug"}))[0]
    assert "no user 'nobody'" in (await problems({**plain, "user": "nobody"}))[0]
    with sqlite3.connect(Path(str(plain["home"]), "db", "db")) as database:
        database.execute("update _user set _roles=null where _username='backbone'")
    assert "has no roles" in (await problems(plain))[0]
    with pytest.raises(ConfigError, match="there is no Roundup tracker"):
        prepare({"home": str(tmp_path / "nowhere")})


@pytest.mark.parametrize(("settings", "words"), [({}, "'home'"), ({"home": "x", "hoem": "y"}, "'hoem'")])
def test_wrong_settings_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        connect(settings)


def test_a_comma_in_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="comma"):
        install(tmp_path / "home", "classic", "a, b", "http://127.0.0.1:1/", "secret")


def test_an_unknown_template_is_refused_in_the_words_of_roundup(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="roundup-admin could not install"):
        install(tmp_path / "home", "no-such-template", "a", "http://127.0.0.1:1/", "secret")
