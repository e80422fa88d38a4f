"""Postfix's configuration: two submission ports, every address delivered to Dovecot (postconf(5), master(5))."""

import os
import shutil
import time
from pathlib import Path

from backbone.demo.mailstack.server import Server
from backbone.demo.mailstack.settings import HOST, Places, Ports, Settings

PROGRAMS = "/usr/lib/postfix/sbin"
PROGRAM = f"{PROGRAMS}/master"
POLICY_SOCKET = "policy"
_MAIN = """
compatibility_level = 3.6
config_directory = {postfix}
queue_directory = {spool}
data_directory = {folder}/data
daemon_directory = {programs}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {log}/postfix.log
maillog_file_prefixes = {log}
myhostname = mail.example
mydestination =
mynetworks =
inet_interfaces = {host}
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:no local delivery
default_transport = error:nothing leaves this machine
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all
virtual_transport = lmtp:unix:private/dovecot-lmtp
recipient_delimiter = +
message_size_limit = {message_bytes_max}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_cert_file = {tls}/{certificate}.pem
smtpd_tls_key_file = {tls}/{certificate}.key
smtpd_tls_security_level = encrypt
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_tls_CAfile = {tls}/ca.pem
smtpd_tls_req_ccert = {client_certificate}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_sender_login_maps = regexp:{postfix}/owners
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_policy_service unix:private/{policy}
smtpd_end_of_data_restrictions = check_policy_service unix:private/{policy}
smtpd_error_sleep_time = 0
# A killed smtpd would else be missed for a minute.
service_throttle_time = 1s
minimal_backoff_time = 2s
maximal_backoff_time = 5s
queue_run_delay = 2s
maximal_queue_lifetime = 5m
bounce_queue_lifetime = 1m
in_flow_delay = 0
disable_vrfy_command = yes
"""
_OWNERS = "/^([^+@]+)([+][^@]*)?@(.*)$/ $1@$3\n"
"""Who may send from an address: the account of that name, with or without a +detail."""
_MASTER = """
{host}:{smtp} inet n - n - - smtpd
{host}:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_QUEUES = [
    *("incoming", "active", "deferred", "corrupt", "hold", "maildrop", "bounce", "defer", "trace", "flush", "saved"),
    *("private", "public"),
]
_OLD_SECONDS = 60


def server(places: Places) -> Server:
    """Its master without ``postfix start``, whose checks take longer than it; ``-d``: in the foreground."""
    command = [PROGRAM, "-c", str(places.postfix), "-d"]
    environment = {"MAIL_CONFIG": str(places.postfix)}
    return Server(
        "postfix", command, places.postfix, places.folder / "postfix.pid", places.log, environment=environment
    )


def write_postfix(places: Places, ports: Ports, settings: Settings) -> None:
    values = {
        "postfix": places.postfix, "spool": places.spool, "folder": places.folder, "log": places.log,
        "tls": places.tls, "programs": PROGRAMS, "host": HOST, "policy": POLICY_SOCKET,
        "message_bytes_max": settings.message_bytes_max, "certificate": settings.certificate,
        "client_certificate": "yes" if settings.client_certificate else "no",
    }  # fmt: skip
    _write(places.postfix / "main.cf", _MAIN.format(**values))
    _write(places.postfix / "master.cf", _MASTER.format(host=HOST, smtp=ports.smtp, smtps=ports.smtps))
    _write(places.postfix / "owners", _OWNERS)


def make_spool(places: Places) -> None:
    """What ``postfix check`` would make, with the owners that it wants."""
    for folder in (places.spool, places.spool / "pid"):
        folder.mkdir(exist_ok=True)
    for folder in (places.folder / "data", *(places.spool / name for name in _QUEUES)):
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, "postfix")
        folder.chmod(0o700)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        shutil.chown(places.spool / name, "postfix", "postdrop")
        (places.spool / name).chmod(mode)


def _write(file: Path, text: str) -> None:
    """With an old date: Postfix waits until a main.cf is two seconds old."""
    file.write_text(text, encoding="ascii")
    old = time.time() - _OLD_SECONDS
    os.utime(file, (old, old))
