"""Where the passphrase of the secret keys comes from."""

import asyncio
from pathlib import Path

import pytest

from backbone.errors import ConfigError
from backbone.service.node import create_node, open_node
from backbone.service.parties import key_passphrase


def read(folder: Path, keys: str) -> str | None:
    """What a node with this table takes."""
    if not folder.exists():
        create_node(folder, "alice", folder.with_name("anchor.json"))
    config = folder / "backbone.toml"
    config.write_text(f'[node]\nname = "alice"\nanchor = "{folder.with_name("anchor.json")}"\n{keys}')

    async def opened() -> str | None:
        async with open_node(folder, exclusive=True) as node:
            return await key_passphrase(node)

    return asyncio.run(opened())


def test_one_place_is_read_and_two_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "node"
    assert read(folder, "") is None
    secret = folder / "secret"
    secret.write_text("wide river\nand nothing of this\n")
    secret.chmod(0o600)
    assert read(folder, '[keys]\npassphrase_file = "secret"\n') == "wide river", "a path begins at the node's folder"
    monkeypatch.setenv("RIVER", "deep river")
    assert read(folder, '[keys]\npassphrase_env = "RIVER"\n') == "deep river"
    assert read(folder, '[keys]\npassphrase_command = "printf long"\n') == "long"
    with pytest.raises(ConfigError, match="leave one"):
        read(folder, '[keys]\npassphrase_env = "RIVER"\npassphrase_command = "printf long"\n')
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read") as error:
        read(folder, '[keys]\npassphrase_file = "secret"\n')
    assert "river" not in str(error.value)
