"""The own CA and the certificates that it and a stranger's CA signed, made by ``openssl``."""

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_HERE = "DNS:localhost,IP:127.0.0.1"
_DAYS = "825"
_OLD_CA = """
[ca]
default_ca = old
[old]
database = {folder}/old.index
serial = {folder}/old.serial
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def make_certificates(folder: Path) -> None:
    """``ca.pem``, and NAME.pem with NAME.key for each ``Certificate`` and for a ``client``; kept if they are there."""
    if (folder / "client.pem").exists():
        return
    folder.mkdir(exist_ok=True)
    _authority(folder, "ca")
    _authority(folder, "strange-ca")
    _leaf(folder, "server", "ca", _HERE)
    _leaf(folder, "stranger", "strange-ca", _HERE)
    _leaf(folder, "elsewhere", "ca", "DNS:elsewhere.example")
    _expired(folder)
    _leaf(folder, "client", "ca", "DNS:client.example", usage="clientAuth")


def _authority(folder: Path, name: str) -> None:
    _openssl(
        "req", "-x509", *_KEY, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem",
        "-days", "3650", "-subj", f"/CN=mail stack {name}", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip


def _leaf(folder: Path, name: str, authority: str, names: str, usage: str = "serverAuth") -> None:
    _request(folder, name, names, usage)
    _openssl(
        "x509", "-req", "-in", f"{folder}/{name}.csr", "-out", f"{folder}/{name}.pem", "-days", _DAYS,
        "-CA", f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}.key", "-CAcreateserial",
        "-extfile", f"{folder}/{name}.ext",
    )  # fmt: skip


def _expired(folder: Path) -> None:
    """By ``openssl ca``: ``openssl x509`` cannot give dates in the past before OpenSSL 3.4."""
    _request(folder, "expired", _HERE, "serverAuth")
    (folder / "old.index").touch()
    (folder / "old.serial").write_text("01\n")
    (folder / "old.cnf").write_text(_OLD_CA.format(folder=folder))
    _openssl(
        "ca", "-batch", "-notext", "-config", f"{folder}/old.cnf", "-cert", f"{folder}/ca.pem",
        "-keyfile", f"{folder}/ca.key", "-in", f"{folder}/expired.csr", "-out", f"{folder}/expired.pem",
        "-extfile", f"{folder}/expired.ext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
    )  # fmt: skip


def _request(folder: Path, name: str, names: str, usage: str) -> None:
    _openssl("req", *_KEY, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr", "-subj", f"/CN={name}")
    (folder / f"{name}.ext").write_text(
        f"subjectAltName={names}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    )


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603, S607
