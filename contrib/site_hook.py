"""For mkdocs (docs/mkdocs.yml): code that is a word or two, such as a flag, is not broken at its hyphens."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 30  # characters, which a telephone has room for


def on_page_content(html: str, **_: Any) -> str:
    return re.sub(rf"<code>([^<\n]{{1,{LONGEST}}})</code>", r'<code class="short">\1</code>', html)
