"""The page at `/`: one file, whose script and style are the only ones that its Content-Security-Policy allows."""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from starlette.responses import Response

_FILE: Final = Path(__file__).with_name("inspector_page.html")


@dataclass(frozen=True)
class Page:
    """The page, and the headers that go with it.

    Attributes:
        content: HTML.
        headers: of the response.
    """

    content: str
    headers: dict[str, str]

    @classmethod
    def read(cls) -> Self:
        """Read the page from the package."""
        content = _FILE.read_text(encoding="utf-8")
        # Nothing is loaded from elsewhere or sent elsewhere, and no other page frames this one. A script in a name
        # or an id would not run: it has another hash.
        policy = {
            "default-src": "'none'",
            "script-src": _hash_of("script", content),
            "style-src": _hash_of("style", content),
            "connect-src": "'self'",
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'",
        }
        headers = {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }
        return cls(content, headers)

    def respond(self) -> Response:
        """Return the response."""
        return Response(self.content, 200, self.headers, "text/html; charset=utf-8")


def _hash_of(tag: str, content: str) -> str:
    """Return the source expression of the one element with this tag."""
    [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", content, flags=re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
