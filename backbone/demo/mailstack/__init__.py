"""REAL MAIL SERVERS for the tests, the demo and ``examples/mail``: Postfix and Dovecot in a folder of their own.

    with MailStack(folder) as stack:
        alice = stack.add_account("alice@acme.example")
        ...  # stack.ports, stack.ca_file, alice.user, alice.password

Unprivileged ports on 127.0.0.1, TLS from an own CA, nothing of ``/etc/postfix`` or ``/etc/dovecot`` read or written.
Several stacks run side by side. The failures that a node must survive are switches of the stack.
"""

from backbone.demo.mailstack.accounts import Account
from backbone.demo.mailstack.errors import MailStackError, MailStackNotHere
from backbone.demo.mailstack.policy import FULL, GREYLISTED, REFUSED
from backbone.demo.mailstack.settings import Certificate, Ports, Settings
from backbone.demo.mailstack.stack import MailStack, ServerWord, check_folder, check_machine

__all__ = [
    "FULL",
    "GREYLISTED",
    "REFUSED",
    "Account",
    "Certificate",
    "MailStack",
    "MailStackError",
    "MailStackNotHere",
    "Ports",
    "ServerWord",
    "Settings",
    "check_folder",
    "check_machine",
]
