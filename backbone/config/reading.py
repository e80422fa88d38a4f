"""TOML into strict values, with errors that name file, line and the nearest right name."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backbone.errors import ConfigError, UsageError

CONFIG_BYTES_MAX = 2**20
"""A mapping with ten thousand users."""
M = TypeVar("M", bound=BaseModel)
KEY_PARTS_MAX = 50
"""Ours have four at most."""
_KEY = r"""(?:[A-Za-z0-9_-]{1,200}+|"(?:[^"\\\n]|\\.){0,200}+"|'[^'\n]{0,200}+')"""
_LONG_KEY = re.compile(rf"{_KEY}(?:[ \t]*+\.[ \t]*+{_KEY}){{{KEY_PARTS_MAX}}}")
_AT_LINE = re.compile(r" \((?:at line (\d+), column \d+|at end of document)\)$")


def read_text(path: Path) -> str:
    """Raises ``ConfigError``; ``FileNotFoundError`` is left to the caller, who knows what is missing."""
    try:
        with path.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check its owner and permissions") from error
    if len(data) > CONFIG_BYTES_MAX:
        raise ConfigError(f"{path}: has more than {CONFIG_BYTES_MAX} bytes; that cannot be a configuration of ours")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text; save it in that encoding") from error


def read_tables(path: Path) -> dict[str, Any]:
    """A TOML file that the admin named. Raises ``UsageError`` where it cannot be read, else ``ConfigError``."""
    try:
        return tables(read_text(path))
    except FileNotFoundError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def tables(text: str) -> dict[str, Any]:
    """TOML, bounded: the library counts on its own stack, and takes the square of a dotted key's length in time.

    Raises ``tomllib.TOMLDecodeError`` and nothing else.
    """
    if _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError(f"a key has more than {KEY_PARTS_MAX} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:
        raise tomllib.TOMLDecodeError("a number in it has too many digits") from error
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("its tables and lists are nested too deeply") from error


def parse(model: type[M], text: str, path: Path) -> M:
    """Raises ``ConfigError`` as ``FILE:LINE: sentence``. Values are not repeated in it: one may be a secret."""
    try:
        return model.model_validate(tables(text))
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _AT_LINE.search(message)
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: this is not TOML: {_AT_LINE.sub('', message)}") from None
    except ValidationError as error:
        raise _explained(model, error.errors(include_url=False, include_input=False)[0], text, path) from None


def fault(path: Path, text: str, place: Sequence[str], sentence: str) -> ConfigError:
    """``FILE:LINE: sentence`` for the key at ``place``."""
    line = find_line(text, place)
    return ConfigError(f"{path}:{line}: {sentence}" if line else f"{path}: {sentence}")


def nearest(word: str, among: Iterable[str]) -> str:
    """In brackets, for the end of a phrase; empty where nothing is near."""
    found = difflib.get_close_matches(word, list(among), n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def find_line(text: str, place: Sequence[str]) -> int | None:
    """The line, from 1, of the key at ``place``, else of the innermost table around it that has a line.

    Looks at each line by itself: a line inside a multi-line text that looks like a key is taken for one.
    """
    best, best_line = 0, None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        keys = _keys(line)
        if line.lstrip().startswith("["):
            table = keys = keys or table
        elif keys:
            keys = table + keys
        # A dotted key stands for every table that it names.
        common = min(len(keys), len(place))
        if common > best and keys[:common] == tuple(place[:common]):
            best, best_line = common, number
    return best_line


def _keys(line: str) -> tuple[str, ...]:
    head = line.strip()
    if not head.startswith("["):
        key, equals, _ = head.partition("=")
        if not equals:
            return ()
        head = f"{key}= 0"
    try:
        data: Any = tables(head)
    except tomllib.TOMLDecodeError:
        return ()
    keys = []
    while data:
        if isinstance(data, list):
            data = data[0]
            continue
        if not isinstance(data, dict):
            break
        key, data = next(iter(data.items()))
        keys.append(key)
    return tuple(keys)


def _explained(model: type[BaseModel], error: Mapping[str, Any], text: str, path: Path) -> ConfigError:
    place = [str(part) for part in error["loc"] if part != "[key]"]
    *tables, key = place
    where = f"[{'.'.join(tables)}]" if tables else "the file"
    match error["type"]:
        case "missing":
            what = f"needs a {key!r}" if tables else f"needs a table [{key}]"
            return fault(path, text, tables, f"{where} {what}")
        case "extra_forbidden":
            known = _known(model, tables)
            names = ", ".join(known)
            return fault(path, text, place, f"{where} has no {key!r}{nearest(key, known)}; it knows {names}")
        case "value_error":
            return fault(path, text, place, f"{'.'.join(place)}: {error['ctx']['error']}")
        case "model_type" | "dict_type":
            return fault(path, text, place, f"{'.'.join(place)}: must be a table, [{'.'.join(place)}]")
        case _:
            return fault(path, text, place, f"{'.'.join(place)}: {error['msg'][0].lower()}{error['msg'][1:]}")


def _known(model: type[BaseModel], tables: Sequence[str]) -> list[str]:
    for table in tables:
        inner = model.model_fields[table].annotation
        assert isinstance(inner, type), "only fixed tables forbid what they do not know"
        assert issubclass(inner, BaseModel), "only fixed tables forbid what they do not know"
        model = inner
    return list(model.model_fields)
