"""The runbooks as pages, so that the link in an alert works wherever wamon runs, and fits the version that runs."""

from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

PREFIX: Final = "/runbooks"
INDEX: Final = "README"

# Where the wheel has them, and where they are written.
PACKAGED: Final = Path(__file__).parents[1] / "runbooks"
WRITTEN: Final = Path(__file__).parents[2] / "docs" / "runbooks"


class Runbooks:
    """The runbooks of a folder by their alert's name, each read when it is asked for."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or (PACKAGED if PACKAGED.is_dir() else WRITTEN)
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")

    @property
    def names(self) -> tuple[str, ...]:
        """The alerts that have one, in their order."""
        return tuple(sorted(file.stem for file in self._folder.glob("*.md") if file.stem != INDEX))

    def html(self, name: str) -> str | None:
        """The body of one page, None where there is no such runbook. `name` is an alert's, with or without `.md`."""
        alertname = name.removesuffix(".md")
        if alertname not in self.names:
            return None
        tokens = self._markdown.parse((self._folder / f"{alertname}.md").read_text(encoding="utf-8"))
        for token in tokens:
            if token.children:
                token.children = _without_links_outside(token.children)
        return str(self._markdown.renderer.render(tokens, self._markdown.options, {}))


def _without_links_outside(tokens: list[Token]) -> list[Token]:
    """Links to other runbooks and to the web stay; of a link to other documents only the words are left."""
    kept = []
    is_outside = False
    for token in tokens:
        if token.type == "link_open":
            is_outside = str(token.attrs.get("href", "")).startswith("..")
        if is_outside and token.type in ("link_open", "link_close"):
            continue
        kept.append(token)
    return kept
