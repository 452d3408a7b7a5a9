"""A hook of mkdocs: links of pages to files outside docs/, which the site does not hold, become the
names of these files. In the repository they stay links."""

import re
from typing import Any

_OUTSIDE = re.compile(r"\[(?P<text>[^\]]*)\]\(\.\./(?P<path>[^)]+)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page without links to files outside docs/."""

    def named(link: re.Match[str]) -> str:
        text, path = link["text"].strip("`"), link["path"]
        return f"`{path}`" if text in (path, path.rpartition("/")[2]) else f"{text} (`{path}`)"

    return _OUTSIDE.sub(named, markdown)
