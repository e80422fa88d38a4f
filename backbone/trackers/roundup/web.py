"""A tracker's web pages, served by waitress: ``python -m backbone.trackers.roundup.web HOME PORT``.

``roundup-server`` refuses to run as root and stalls 40 ms per keep-alive request.
"""

import sys
from pathlib import Path

import waitress
from roundup.cgi.wsgi_handler import RequestDispatcher

THREADS = 2


def serve(home: Path, port: int, host: str = "127.0.0.1") -> None:
    """Serve until killed; says ``serving URL`` on standard output once it listens.

    The tracker's ``tracker_web`` must be the address that is served.
    """
    server = waitress.create_server(RequestDispatcher(str(home)), host=host, port=port, threads=THREADS, ident=None)
    sys.stdout.write(f"serving http://{host}:{server.effective_port}/\n")
    sys.stdout.flush()
    server.run()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
