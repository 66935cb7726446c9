"""Write the example of docs/plan-review.md: a pull request's comment, text and pictures.

Run it with ``make picture``. The pull request is in ``pull_request``. Pictures need a Chromium,
which nothing else in this project does.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ops.review import markdown, sources
from ops.review.acceptance import Acceptances
from ops.review.reviewing import review

CHECKOUT = Path(__file__).resolve().parents[2]
PULL_REQUEST = Path(__file__).parent / "pull_request"
DOCS = CHECKOUT / "docs"
PAGE = DOCS / "plan-review.md"
_PICTURES = {"light": "plan-review.png", "dark": "plan-review-dark.png"}
_BROWSERS = (
    *("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"),
    *("chrome-headless-shell", "microsoft-edge"),
)
_BEGIN, _END = "<!-- `make picture` writes this -->\n", "<!-- end -->\n"
_WIDTH = 900
_SECONDS = 60
# Not that of the blocks in the comment.
_FENCE = "~~~"

# What GitHub shows in a comment, in our own words: sizes, borders, and colours of a diff.
_STYLE = """
:root { --page: #fff; --text: #1f2328; --line: #d1d9e0; --head: #f6f8fa; --code: #eff1f3;
  --plus: #dafbe1; --plus-text: #116329; --minus: #ffebe9; --minus-text: #82071e;
  --bang: #ffe8d1; --bang-text: #953800; }
:root.dark { --page: #0d1117; --text: #f0f6fc; --line: #3d444d; --head: #151b23; --code: #262c36;
  --plus: #033a16; --plus-text: #aff5b4; --minus: #67060c; --minus-text: #ffdcd7;
  --bang: #5a1e02; --bang-text: #ffdfb6; }
* { box-sizing: border-box; }
body { margin: 0; padding: 12px; background: var(--page); color: var(--text);
  font: 14px/1.5 "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif; }
article { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
header { background: var(--head); border-bottom: 1px solid var(--line); padding: 7px 15px; }
main { padding: 15px; }
h3, h4 { margin: 20px 0 12px; line-height: 1.25; } h3 { margin-top: 0; font-size: 1.25em; }
h4 { font-size: 1em; } p, ul { margin: 0 0 12px; } ul { padding-left: 26px; } ul ul { margin: 0; }
code, pre { font: 12px/1.45 "Noto Sans Mono", "DejaVu Sans Mono", Menlo, monospace; }
code { background: var(--code); border-radius: 6px; padding: 2px 5px; }
pre { background: var(--head); border-radius: 6px; padding: 12px; margin: 0 0 12px;
  overflow: hidden; }
pre span { display: block; } .plus { background: var(--plus); color: var(--plus-text); }
.minus { background: var(--minus); color: var(--minus-text); }
.bang { background: var(--bang); color: var(--bang-text); }
table { border-collapse: collapse; margin: 0 0 12px; }
th, td { border: 1px solid var(--line); padding: 5px 11px; }
"""
_SIGNS = {"+": "plus", "-": "minus", "!": "bang"}


def comment() -> str:
    """Return the comment that a review of the pull request writes today."""
    found = review(sources.load([PULL_REQUEST]), Acceptances())
    return markdown.comment(found, limit=markdown.DEFAULT_LIMIT)


def page(text: str) -> str:
    """Return the page with today's comment in it."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    light, dark = (f"images/{name}" for name in _PICTURES.values())
    example = f"""
<picture>
<source media="(prefers-color-scheme: dark)" srcset="{dark}">
<img alt="The comment, rendered in colours like those of GitHub; its text is below." src="{light}">
</picture>

{_FENCE}markdown
{comment().strip()}
{_FENCE}

"""
    return f"{before}{_BEGIN}{example}{_END}{after}"


def _diff(self: Any, tokens: Sequence[Token], at: int, *_: Any) -> str:
    """Return a fenced block, each line in the colour of its sign."""
    lines = (
        f'<span class="{_SIGNS.get(line[:1], "")}">{html.escape(line) or " "}</span>'
        for line in tokens[at].content.splitlines()
    )
    return f"<pre>{''.join(lines)}</pre>"


def _rendered(theme: str) -> str:
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    renderer.add_render_rule("fence", _diff)
    return f"""<!doctype html><html class="{theme}"><meta charset="utf-8"><style>{_STYLE}</style>
<body><article><header><b>ci</b> commented</header><main>{renderer.render(comment())}</main>
</article><script>document.title = document.documentElement.scrollHeight</script></body></html>"""


def _draw(browser: str, theme: str, picture: Path) -> None:
    """Draw the comment as high as it is."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "comment.html"
        source.write_text(_rendered(theme), encoding="utf-8")
        options = [
            *(
                "--headless",
                "--hide-scrollbars",
                "--disable-gpu",
                "--disable-lcd-text",
                f"--user-data-dir={folder}/user",
            ),
            # Chromium's sandbox does not work for root, for example in a container.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
        ]

        def run(*more: str) -> str:
            return subprocess.run(
                [browser, *options, *more, source.as_uri()],
                check=True,
                capture_output=True,
                encoding="utf-8",
                timeout=_SECONDS,
            ).stdout

        dom = run(f"--window-size={_WIDTH},100", "--dump-dom")
        height = re.search(r"<title>(\d+)</title>", dom)
        if height is None:
            raise RuntimeError(f"{browser} did not render the page")
        run(f"--window-size={_WIDTH},{height[1]}", f"--screenshot={picture}")


def main() -> int:
    """Write the text, then the pictures; return the exit code."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(CHECKOUT)}: written\n")
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        sys.stderr.write(
            "error: the pictures are not written: no Chromium is on PATH\n"
            "remedy: install one (Debian: apt-get install chromium-headless-shell; elsewhere:"
            " npx @puppeteer/browsers install chrome-headless-shell), or name it:"
            " make picture CHROMIUM=/path/to/chromium\n"
        )
        return 1
    (DOCS / "images").mkdir(exist_ok=True)
    for theme, name in _PICTURES.items():
        _draw(browser, theme, DOCS / "images" / name)
        sys.stdout.write(f"docs/images/{name}: written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
