"""Each markup there and back; hostile texts; a process that dies."""

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.replication.markup import ConversionFailed, Markup
from backbone.richtext import Pandoc, pandoc
from tests.acceptance.nodes import until

OTHERS = [markup for markup in Markup if markup is not Markup.MARKDOWN]
WITH_DRESS = [markup for markup in OTHERS if markup is not Markup.PLAIN]
TEXT = """# Brakes

They *squeal*, **loudly**, see `brake.c` and [the log](http://a.example/log).

| car | mileage |
|-----|---------|
| 17  | 12000   |

- left
- right

1.  stop
2.  look

> said the driver

```
if (x < 3) squeal();
```"""


@pytest.fixture(scope="module")
def convert() -> Iterator[Pandoc]:
    made = Pandoc()
    yield made
    made.close()


@pytest.mark.parametrize("markup", WITH_DRESS)
def test_what_both_can_say_comes_back(convert: Pandoc, markup: Markup) -> None:
    here = convert(TEXT, Markup.MARKDOWN, markup)
    assert here != TEXT
    back = convert(here, markup, Markup.MARKDOWN)
    for said in ("# Brakes", "*squeal*", "**loudly**", "`brake.c`", "[the log](http://a.example/log)",
                 "| 17  | 12000   |", "- left", "1.  stop", "> said the driver", "if (x < 3) squeal();"):  # fmt: skip
        assert said in back


@pytest.mark.parametrize("markup", OTHERS)
def test_a_text_that_went_round_once_stays_as_it_is(convert: Pandoc, markup: Markup) -> None:
    once = convert(convert(TEXT, Markup.MARKDOWN, markup), markup, Markup.MARKDOWN)
    assert convert(convert(once, Markup.MARKDOWN, markup), markup, Markup.MARKDOWN) == once


@pytest.mark.parametrize(
    ("markup", "here", "there"),
    [
        (Markup.JIRA, "h1. A\n\n*b* _c_ {{d}} -e-", "# A\n\n**b** *c* `d` ~~e~~"),
        (Markup.JIRA, "||x||y||\n|1|2|", "| x   | y   |\n|-----|-----|\n| 1   | 2   |"),
        (Markup.JIRA, "{color:red}hot{color} and ~low~", "hot and low"),
        (Markup.JIRA, "ask [~ann]", "ask @ann"),
        (Markup.TEXTILE, "h2. A\n\n*b* _c_ @d@ \"e\":http://f.example", "## A\n\n**b** *c* `d` [e](http://f.example)"),
        (Markup.RST, "A\n=\n\n**b** *c* ``d``", "# A\n\n**b** *c* `d`"),
        (Markup.HTML, "<h1 id=x>A</h1><p style='color:red'><b>b</b> <u>c</u></p>", "# A\n\n**b** c"),
        (Markup.HTML, "<p>a</p><script>evil()</script><p onclick=evil()>b</p>", "a\n\nb"),
    ],
)  # fmt: skip
def test_each_markup_in_markdown(convert: Pandoc, markup: Markup, here: str, there: str) -> None:
    assert convert(here, markup, Markup.MARKDOWN) == there


@pytest.mark.parametrize("markup", OTHERS)
def test_what_only_looks_like_html_is_no_html(convert: Pandoc, markup: Markup) -> None:
    text = "a vector<int> of <b>things</b>"
    here = convert(text, Markup.MARKDOWN, markup).replace("&lt;", "<").replace("&gt;", ">").replace("\\", "")
    assert here.removeprefix("<p>").removesuffix("</p>") == text


@pytest.mark.parametrize(
    ("said", "here", "again"),
    [
        ("[r.pdf](r.pdf)", "[^r.pdf]", "[r.pdf](r.pdf)"),
        ("[the report](r.pdf)", "the report [^r.pdf]", "the report [r.pdf](r.pdf)"),
        ("[a b.pdf](<a b.pdf>)", "[^a b.pdf]", "[a b.pdf](a b.pdf)"),
        ("[x](http://a.example/b) [y](#z)", "[x|http://a.example/b] [y|#z]", "[x](http://a.example/b) [y](#z)"),
        ("![the plan](a.png)", "!a.png|alt=the plan!", "![the plan](a.png)"),
    ],
)
def test_files_of_an_issue_in_jira(convert: Pandoc, said: str, here: str, again: str) -> None:
    assert convert(said, Markup.MARKDOWN, Markup.JIRA) == here
    assert convert(here, Markup.JIRA, Markup.MARKDOWN) == again


PLAIN_TEXT = st.text(st.sampled_from("ab *_`<>[]()#-+1.&~|\\!\n"), max_size=60)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLAIN_TEXT)
def test_plain_text_says_what_it_shows(convert: Pandoc, text: str) -> None:
    shown = convert(convert(text, Markup.PLAIN, Markup.MARKDOWN), Markup.MARKDOWN, Markup.PLAIN)
    assert shown.split() == text.split()


def test_lines_and_lay_out_of_plain_text_stay(convert: Pandoc) -> None:
    text = "a line\nanother * line\n\n    x = 3\n      y = 4\n\n1. no list"
    assert convert(convert(text, Markup.PLAIN, Markup.MARKDOWN), Markup.MARKDOWN, Markup.PLAIN) == text


def test_no_file_is_read_for_a_text(convert: Pandoc) -> None:
    with pytest.raises(ConversionFailed, match=r"File /etc/passwd not found"):
        convert(".. csv-table::\n   :file: /etc/passwd\n", Markup.RST, Markup.MARKDOWN)
    assert "root" not in convert(".. include:: /etc/passwd\n\nx", Markup.RST, Markup.MARKDOWN)


def test_nothing_and_the_same_markup_need_no_process() -> None:
    made = Pandoc()
    assert made(" \n", Markup.JIRA, Markup.MARKDOWN) == " \n"
    assert made("*a*", Markup.MARKDOWN, Markup.MARKDOWN) == "*a*"
    assert made._process is None


def test_a_text_that_takes_for_ever_is_given_up(convert: Pandoc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "SECONDS_MIN", 0.3)
    with pytest.raises(ConversionFailed, match="takes too long"):
        convert("*a " * 20_000, Markup.JIRA, Markup.MARKDOWN)
    monkeypatch.undo()
    assert convert("*b*", Markup.JIRA, Markup.MARKDOWN) == "**b**"


def test_after_its_end_pandoc_is_started_anew() -> None:
    made = Pandoc()
    assert made("*b*", Markup.JIRA, Markup.MARKDOWN) == "**b**"
    _kill(made)
    assert made("*c*", Markup.JIRA, Markup.MARKDOWN) == "**c**"
    made.close()


def test_a_text_at_which_pandoc_dies_is_named_and_the_next_one_goes_on() -> None:
    made = Pandoc()
    made("*b*", Markup.JIRA, Markup.MARKDOWN)
    with ThreadPoolExecutor(1) as pool:
        before, text = _read_by(made), "*a " * 100_000
        slow = pool.submit(made, text, Markup.JIRA, Markup.MARKDOWN)
        # Not the first byte more: its runtime reads a few of its own while it waits.
        until("the text is being read", lambda: _read_by(made) > before + len(text) // 2)
        _kill(made)
        with pytest.raises(ConversionFailed, match="ended while reading"):
            slow.result(30)
    assert made("*c*", Markup.JIRA, Markup.MARKDOWN) == "**c**"
    made.close()


def _read_by(made: Pandoc) -> int:
    """Bytes that the process has read (proc(5), rchar)."""
    assert made._process is not None
    return int(Path(f"/proc/{made._process.pid}/io").read_text().split()[1])


def _kill(made: Pandoc) -> None:
    assert made._process is not None
    os.kill(made._process.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, made._process.pid, os.WEXITED | os.WNOWAIT)


def test_any_thread_gets_its_own_answer(convert: Pandoc) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [f"*{number}*" for number in range(100)]
        said = pool.map(lambda text: convert(text, Markup.JIRA, Markup.MARKDOWN), asked)
        assert list(said) == [f"**{number}**" for number in range(100)]
