"""Reads the pages of a report: their tags, attributes, words and files."""

from html.parser import HTMLParser

HOSTILE = "\"'><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>{{ 7 * 7 }}"
LOADING = ("src", "srcset", "data", "poster", "action", "background", "formaction")
SHARED = {"assets/style.css", "assets/page.js"}


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self.source = [], "", path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def values(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    @property
    def words(self):
        return " ".join(self.text.split())


def pages(out):
    """Address within the folder -> Page, of every page."""
    return {path.relative_to(out).as_posix(): Page(path) for path in sorted(out.rglob("*.html"))}


def words(out):
    return " ".join(page.words for page in pages(out).values())


def contents(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }
