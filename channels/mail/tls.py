"""How a connection to a mail server is protected."""

import ssl

from channels.base import ChannelError
from channels.mail.settings import Server


def context(server: Server) -> ssl.SSLContext | None:
    """For TLS at once or after STARTTLS; ``None`` where there shall be none. Reads files. Raises ``ChannelError``.

    An own CA is trusted instead of the system's, not beside them.
    """
    if server.security == "none":
        return None
    try:
        made = ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ChannelError(f"the CA file {server.ca_file} cannot be read ({error}): name a file in PEM form") from error
    if server.client_cert_file is not None:
        try:
            made.load_cert_chain(server.client_cert_file, server.client_key_file)
        except (OSError, ssl.SSLError) as error:
            raise ChannelError(
                f"the client certificate {server.client_cert_file} cannot be used ({error}): "
                "name certificate and key in PEM form, the key without a passphrase"
            ) from error
    return made
