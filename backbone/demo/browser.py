"""What somebody does over a tracker's web server, with a log-in: its REST interface, as its pages' scripts use it."""

import base64
import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from backbone.demo.scene import Company
from backbone.errors import BackboneError

ANSWER_SECONDS_MAX = 20.0
SAVED_AT_MOST = 20


class Browser:
    """A session of ``company.person`` at the tracker's web server."""

    def __init__(self, company: Company) -> None:
        self._company = company
        secret = base64.b64encode(f"{company.person}:{company.password}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {secret}",
            "Content-Type": "application/json",
            "Origin": company.url.rstrip("/"),
            "Referer": company.url,
            "X-Requested-With": "rest",
        }

    def rename(self, issue: str, title: str) -> None:
        """Another title."""
        self._edit(issue, {"title": title})

    def comment(self, issue: str, text: str) -> None:
        """A message by the person who is logged in."""
        found, _ = self._call("GET", f"user?username={self._company.person}")
        me = found["collection"][0]["id"]
        made, _ = self._call("POST", "msg", {"author": me, "date": ".", "content": text})
        self._edit(issue, {"@op": "add", "messages": made["id"]}, method="PATCH")

    def home(self) -> str:
        """The tracker's first page."""
        request = urllib.request.Request(self._company.url)  # noqa: S310 - http on loopback
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
            return str(answer.read().decode())

    def _edit(self, issue: str, values: dict[str, str], method: str = "PUT") -> None:
        """Looks at the issue and saves; once more when somebody (a node, perhaps) wrote in between."""
        path = f"{self._company.issue_class}/{issue}"
        for _ in range(SAVED_AT_MOST):
            _, tag = self._call("GET", path)
            try:
                self._call(method, path, values, {"If-Match": tag})
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.PRECONDITION_FAILED:
                    raise
            else:
                return
        raise BackboneError(f"issue {issue} could not be saved at {self._company.url}: it changes all the time")

    def _call(
        self, method: str, path: str, values: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[Any, str]:
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            f"{self._company.url}rest/data/{path}",
            method=method,
            data=json.dumps(values).encode() if values is not None else None,
            headers={**self._headers, **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
            return json.load(answer)["data"], answer.headers.get("ETag", "")
