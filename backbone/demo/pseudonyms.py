"""Puts made-up people in the place of real ones: in the fields, and in what people wrote.

A pseudonym depends on the real log-in only, so the same person is called the same in every archive of one
community. It hides names from a screenshot; it is no protection against somebody who has the archive.
"""

import re

from backbone.demo.corpus import DemoPerson
from backbone.demo.names import EMAIL_DOMAIN, FAMILY_NAMES, GIVEN_NAMES, digest_number, person

TOKEN_LENGTH_MIN = 3
"""Shorter log-ins and name parts are ordinary syllables; replaced only where the text marks them as a person."""

_ORDINARY = """
admin android app are bug build com core data debug demo dev developer device error false for from gmail guest image
inc info ios key mail max may mix mobile module new nil none not null object one pic prop root script service studio
support team test tester testing the this titanium true type user view web will window with yahoo you
"""
ORDINARY_WORDS = frozenset(_ORDINARY.split())
"""Log-ins and name parts that are everyday words of a tracker: replacing them would leave no readable sentence."""

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_MENTION = re.compile(r"(?<![\w@/.+-])@([A-Za-z0-9][A-Za-z0-9-]{0,38})(?!\w)")
_LINKED = re.compile(r"\[~([^\]\n|]{1,80})\]")
_WORD = re.compile(r"\w+(?:-\w+)*-?")
_PART = re.compile(r"\w+")


class Pseudonyms:
    """Meets the people of an archive first (``meet``), then replaces them (``login``, ``clean``).

    ``mentions``: an ``@word`` is a person even if nobody of that name wrote anything (so it is on GitHub; in
    Jira's archives ``@word`` is mostly source code).
    """

    def __init__(self, *, mentions: bool) -> None:
        self._mentions = mentions
        self._people: dict[str, DemoPerson] = {}
        self._taken: set[str] = set()
        self._words: dict[str, str] = {}
        self._phrases: dict[str, list[tuple[str, str]]] = {}

    @property
    def people(self) -> tuple[DemoPerson, ...]:
        """Everybody met so far, by pseudonym, in the order in which they were met."""
        return tuple(self._people.values())

    def meet(self, login: str, name: str = "") -> None:
        """Learn of a real person; the display name helps to find them in texts."""
        if not login:
            return
        known = login.lower() in self._people
        pseudonym = self._pseudonym(login)
        if not known:
            self._learn_login(login.lower(), pseudonym)
        self._learn_name(" ".join(name.split()), pseudonym)

    def login(self, login: str) -> str:
        """The pseudonym of a log-in that was met; empty stays empty."""
        return self._people[login.lower()].login if login else ""

    def clean(self, text: str) -> str:
        """The text with people replaced: addresses, mentions, names and log-ins where they are whole words."""
        if "@" in text:
            text = _EMAIL.sub(self._address, text)
            text = _MENTION.sub(self._mention, text)
        if "[~" in text:
            text = _LINKED.sub(lambda found: f"[~{self._pseudonym(found[1]).login}]", text)
        return self._replace_words(text)

    def _pseudonym(self, login: str) -> DemoPerson:
        folded = login.lower()
        if folded not in self._people:
            self._people[folded] = self._invent(folded)
        return self._people[folded]

    def _invent(self, folded: str) -> DemoPerson:
        number = digest_number(folded)
        digits = f"{number:016x}"
        for length in range(4, len(digits) + 1):
            made = person(number, f"-{digits[:length]}")
            if made.login not in self._taken:
                self._taken.add(made.login)
                return made
        raise AssertionError("two log-ins with the same 64-bit digest")

    def _learn_login(self, login: str, pseudonym: DemoPerson) -> None:
        if _WORD.fullmatch(login):
            if _replaceable(login):
                self._words[login] = pseudonym.login
        else:
            self._learn_phrase(login, pseudonym.login)

    def _learn_name(self, name: str, pseudonym: DemoPerson) -> None:
        self._learn_phrase(name.lower(), pseudonym.name)
        if " " in name:  # as in the name of a home folder
            self._learn_phrase(name.lower().replace(" ", "."), pseudonym.login)
            self._words.setdefault(name.lower().replace(" ", ""), pseudonym.login)
        for place, part in enumerate(_PART.findall(name)):
            if part[0].isupper() and _replaceable(part):
                table = FAMILY_NAMES if place else GIVEN_NAMES
                self._words.setdefault(part, table[digest_number(part) % len(table)])

    def _learn_phrase(self, phrase: str, replacement: str) -> None:
        first = _PART.match(phrase)
        if first and first[0] != phrase:
            entries = self._phrases.setdefault(first[0], [])
            if all(phrase != known for known, _ in entries):
                entries.append((phrase, replacement))
                entries.sort(key=lambda entry: -len(entry[0]))

    def _address(self, found: re.Match[str]) -> str:
        if found[0].endswith("@" + EMAIL_DOMAIN):
            return found[0]
        known = self._people.get(found[0].lower()) or self._people.get(found[0].split("@")[0].lower())
        return known.email if known else person(digest_number(found[0])).email

    def _mention(self, found: re.Match[str]) -> str:
        if self._mentions or found[1].lower() in self._people:
            return "@" + self._pseudonym(found[1]).login
        return found[0]

    def _replace_words(self, text: str) -> str:
        lowered = text.lower()
        aligned = len(lowered) == len(text)
        pieces: list[str] = []
        done = 0
        for found in _WORD.finditer(text):
            start, end = found.span()
            if start < done:
                continue
            phrase = self._phrase_at(lowered, start) if aligned else None
            length, replacement = phrase or (end - start, self._word(found[0]))
            if replacement:
                pieces += [text[done:start], replacement]
                done = start + length
        pieces.append(text[done:])
        return "".join(pieces)

    def _phrase_at(self, lowered: str, start: int) -> tuple[int, str] | None:
        first = _PART.match(lowered, start)
        for phrase, replacement in self._phrases.get(first[0], ()) if first else ():
            end = start + len(phrase)
            if lowered.startswith(phrase, start) and not lowered[end : end + 1].isalnum():
                return len(phrase), replacement
        return None

    def _word(self, word: str) -> str:
        """What stands for a word, or for a part between hyphens; empty when it is nobody's."""
        direct = self._words.get(word) or self._words.get(word.lower(), "")
        if direct or "-" not in word:
            return direct
        replaced = _PART.sub(lambda part: self._word(part[0]) or part[0], word)
        return replaced if replaced != word else ""


def _replaceable(word: str) -> bool:
    return len(word) >= TOKEN_LENGTH_MIN and word.lower() not in ORDINARY_WORDS and not word.isdigit()
