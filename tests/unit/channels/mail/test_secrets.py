import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from channels.base import ChannelError, ChannelUnavailable
from channels.mail.oauth import Credentials
from channels.mail.secrets import FromCommand, FromEnvironment, FromFile, FromKeyring, OAuth, Secret, TokenCommand


class TokenServer(HTTPServer):
    """Gives ``token-1``, ``token-2`` …, or what ``answers`` holds."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[dict[str, list[str]]] = []
        self.answers: list[tuple[int, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, TokenServer)
        server.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        number = len(server.asked)
        usual = {"access_token": f"token-{number}", "expires_in": 3600, "refresh_token": f"refresh-{number}"}
        code, body = server.answers.pop(0) if server.answers else (200, json.dumps(usual).encode())
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def secret_file(path: Path, text: str) -> FromFile:
    path.write_text(text)
    path.chmod(0o600)
    return FromFile(path)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("hunter2")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert secret.reveal() == "hunter2"


def test_a_file_gives_its_first_line(tmp_path: Path) -> None:
    assert secret_file(tmp_path / "s", "hunter2\r\nnote\n").read().reveal() == "hunter2"


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = secret_file(tmp_path / "s", "hunter2\n")
    (tmp_path / "s").chmod(0o640)
    with pytest.raises(ChannelError, match="chmod 600") as told:
        file.read()
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a\0b\n"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    file = secret_file(tmp_path / "s", "")
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(ChannelError, match="secret in"):
        file.read()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="cannot be read"):
        FromFile(tmp_path / "none").read()


def test_the_environment_gives_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_SECRET", "hunter2")
    assert FromEnvironment("MAIL_SECRET").read().reveal() == "hunter2"
    monkeypatch.delenv("MAIL_SECRET")
    with pytest.raises(ChannelError, match="MAIL_SECRET"):
        FromEnvironment("MAIL_SECRET").read()


def test_a_command_gives_its_first_line() -> None:
    command = FromCommand(f"{sys.executable} -c 'print(\"hunter2\")'")
    assert command.read().reveal() == "hunter2"


def test_a_command_that_fails_is_named_and_its_output_is_not() -> None:
    with pytest.raises(ChannelError, match="failed") as told:
        FromCommand(f"{sys.executable} -c 'import sys; sys.exit(\"hunter2\")'").read()
    assert "hunter2" not in str(told.value)
    with pytest.raises(ChannelError, match="cannot be run"):
        FromCommand("/nowhere/at-all").read()


def test_the_key_ring_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ChannelError, match="install it, or use password_file"):
        FromKeyring("backbone/alice").read()


async def test_a_refresh_token_gives_tokens_that_are_kept(tokens: TokenServer, tmp_path: Path) -> None:
    now = 0.0
    refresh = secret_file(tmp_path / "r", "refresh-0\n")
    client = secret_file(tmp_path / "c", "client secret\n")
    credentials = Credentials(OAuth(tokens.url, "id", client, refresh, "mail"), lambda: now)
    first = await credentials.proof()
    assert (first.secret.reveal(), first.is_token) == ("token-1", True)
    assert (await credentials.proof()).secret is first.secret
    assert tokens.asked == [
        {
            "client_id": ["id"],
            "grant_type": ["refresh_token"],
            "client_secret": ["client secret"],
            "refresh_token": ["refresh-0"],
            "scope": ["mail"],
        }
    ]
    assert refresh.read().reveal() == "refresh-1"
    now = 3600.0
    assert (await credentials.proof()).secret.reveal() == "token-2"
    assert tokens.asked[1]["refresh_token"] == ["refresh-1"]


async def test_a_refused_token_is_renewed_once_for_all(tokens: TokenServer, tmp_path: Path) -> None:
    credentials = Credentials(OAuth(tokens.url, "id", None, secret_file(tmp_path / "r", "r\n"), ""))
    first = await credentials.proof()
    assert (await credentials.proof(refused=first)).secret.reveal() == "token-2"
    assert (await credentials.proof(refused=first)).secret.reveal() == "token-2"


async def test_without_a_refresh_token_the_client_speaks_for_itself(tokens: TokenServer, tmp_path: Path) -> None:
    await Credentials(OAuth(tokens.url, "id", secret_file(tmp_path / "c", "c\n"), None, "s")).proof()
    assert tokens.asked[0]["grant_type"] == ["client_credentials"]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((400, b'{"error":"invalid_grant","error_description":"expired"}'), ChannelError, "invalid_grant expired"),
        ((503, b""), ChannelUnavailable, "answers 503"),
        ((302, b""), ChannelError, "302"),
        ((200, b"<html>"), ChannelError, "no access token"),
        ((200, b'{"access_token": 5}'), ChannelError, "no access token"),
        ((200, b"[" * 60_000), ChannelError, "no access token"),
    ],
)
async def test_a_token_server_that_gives_none_is_told(
    tokens: TokenServer, tmp_path: Path, answer: tuple[int, bytes], kind: type[ChannelError], words: str
) -> None:
    tokens.answers.append(answer)
    credentials = Credentials(OAuth(tokens.url, "id", None, secret_file(tmp_path / "r", "hunter2\n"), ""))
    with pytest.raises(ChannelError) as told:
        await credentials.proof()
    assert type(told.value) is kind
    assert words in str(told.value)
    assert "hunter2" not in str(told.value)


async def test_a_token_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    source = OAuth("http://127.0.0.1:1/", "id", None, secret_file(tmp_path / "r", "r\n"), "")
    with pytest.raises(ChannelUnavailable, match="does not answer"):
        await Credentials(source).proof()


async def test_a_command_gives_a_token() -> None:
    credentials = Credentials(TokenCommand(FromCommand(f"{sys.executable} -c 'print(5)'")))
    proof = await credentials.proof()
    assert (proof.secret.reveal(), proof.is_token) == ("5", True)
