"""Dovecot's configuration: IMAP, delivery by LMTP, and the log-ins of Postfix (doc.dovecot.org, 2.3)."""

from backbone.demo.mailstack.accounts import ISSUER
from backbone.demo.mailstack.server import Server
from backbone.demo.mailstack.settings import HOST, Places, Ports, Settings

PROGRAM = "/usr/sbin/dovecot"
_TEXT = """
base_dir = {run}
state_dir = {folder}/state
log_path = {log}/dovecot.log
protocols = imap lmtp
listen = {host}
default_process_limit = 200
default_vsz_limit = 1G
verbose_proctitle = yes

ssl = required
ssl_cert = <{tls}/{certificate}.pem
ssl_key = <{tls}/{certificate}.key
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
{client_certificate}

auth_mechanisms = {mechanisms}
auth_failure_delay = 0 secs
auth_verbose = yes
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/dovecot-oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {users}/%u
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {users}/%u
}}

mail_location = maildir:~/Maildir
mail_fsync = never
mail_plugins = quota
mail_max_userip_connections = 50
first_valid_uid = 1
postmaster_address = postmaster@mail.example
recipient_delimiter = +
quota_full_tempfail = no
namespace inbox {{
  inbox = yes
  separator = /
{folders}
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_grace = 0
  quota_rule = *:storage=0
}}
protocol imap {{
  mail_plugins = $mail_plugins imap_quota
}}

service imap-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener {private}/dovecot-lmtp {{
    user = postfix
    mode = 0600
  }}
}}
service auth {{
  unix_listener {private}/auth {{
    user = postfix
    mode = 0600
  }}
}}
# A wrong password would delay every later log-in from the same address by seconds, and all tests share one address.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""
_TOKENS = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={tokens}/
username_attribute = sub
issuers = {issuer}
"""
# Only in IMAP: Postfix asks for one itself, and does not tell Dovecot of it.
_CLIENT_CERTIFICATE = """
ssl_ca = <{tls}/ca.pem
ssl_require_crl = no
ssl_verify_client_cert = yes
protocol imap {{
  auth_ssl_require_client_cert = yes
}}
"""
_FOLDER = "  mailbox {name} {{\n    auto = create\n  }}"


def server(places: Places) -> Server:
    command = [PROGRAM, "-F", "-c", str(places.dovecot)]
    sockets = (places.private / "auth", places.private / "dovecot-lmtp")
    return Server("dovecot", command, places.dovecot, places.folder / "dovecot.pid", places.log, sockets)


def write_dovecot(places: Places, ports: Ports, settings: Settings) -> None:
    certificate = _CLIENT_CERTIFICATE.format(tls=places.tls) if settings.client_certificate else ""
    text = _TEXT.format(
        run=places.run, folder=places.folder, log=places.log, tls=places.tls, users=places.users,
        private=places.private, host=HOST, imap=ports.imap, imaps=ports.imaps, certificate=settings.certificate,
        client_certificate=certificate, mechanisms=" ".join(settings.mechanisms),
        folders="\n".join(_FOLDER.format(name=name) for name in settings.folders),
    )  # fmt: skip
    places.dovecot.write_text(text, encoding="ascii")
    tokens = _TOKENS.format(tokens=places.tokens, issuer=ISSUER)
    (places.folder / "dovecot-oauth2.conf").write_text(tokens, encoding="ascii")
