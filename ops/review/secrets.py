"""Recognize secrets, and keep their text out of everything that is shown.

A value is a secret if the provider says so, if its name does, or if it has the form of one. What is
a secret in one place is removed wherever it occurs, in every plan of the review.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

HIDDEN = "(sensitive value)"

# Shorter ones are hidden where they stand; removing them everywhere would remove parts of words.
SHORTEST = 6

_NAME = re.compile(
    r"pass(word|wd|phrase)|secret|token|api_?key|private_?key|access_?key|credential"
    r"|authorization|connection_string|client_key",
    re.IGNORECASE,
)
# Names of what is about a secret, or leads to it.
_ABOUT = re.compile(
    r"(arns?|ids?|name|names|version|versions|stages?|type|types|ttl|days|seconds|minutes|hours|url"
    r"|uri|endpoint|length|enabled|status|policy|prefix|validity|header|count)$",
    re.IGNORECASE,
)
# Of a condition's key in a trust policy: token.actions.githubusercontent.com:sub.
_ISSUER = re.compile(r"^[\w-]+(\.[\w-]+)+:")
_DIGEST = re.compile(
    r"hash|sha|md5|etag|checksum|digest|fingerprint|thumbprint|version|arn|(^|_)ids?$",
    re.IGNORECASE,
)
_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bAIza[\w-]{35}"
    r"|\bgh[pousr]_\w{30,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}|\b[sr]k_(?:live|test)_\w{16,}|\bsk-[\w-]{20,}"
    r"|\bhv[sb]\.[\w-]{20,}|\bnpm_\w{30,}|\bpypi-[\w-]{40,}|\w{14}\.atlasv1\.[\w-]{40,}"
    r"|\bey[JK][\w-]{8,}\.ey[JK][\w-]{8,}\.[\w-]*"
    # User and password of a URL.
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)",
    re.DOTALL,
)
_TOKEN = re.compile(r"[\w+/=-]{32,}", re.ASCII)
_MOST_LETTERS = re.compile(r"[a-z]{7}")
_SHORTEST_FORM = 15
_SHORTEST_TOKEN = 32
_FEW = 40
_LEAST_BITS = 4.2
_LEAST_OF_EACH = 2


@lru_cache(maxsize=65_536)
def is_secret_name(name: str) -> bool:
    """Return whether a value of this name is a secret."""
    name = _ISSUER.sub("", name)
    return bool(_NAME.search(name)) and not _ABOUT.search(name)


def name_of(block: Mapping[str, object], key: str) -> str:
    """Return the name of a block's value, which is that of the block if it is a named value."""
    if key in {"value", "Value"}:
        name = block.get("name" if key == "value" else "Name")
        if isinstance(name, str):
            return name
    return key


def is_secret_value(name: str, value: str) -> bool:
    """Return whether a text is a secret because of its name."""
    return bool(value) and is_secret_name(name) and not value.startswith(("arn:", "${"))


@lru_cache(maxsize=65_536)
def recognized(text: str, *, is_digest: bool = False) -> tuple[str, ...]:
    """Return the parts of a text that have the form of a secret."""
    if len(text) < _SHORTEST_FORM and "://" not in text:
        return ()
    found = [match[0] for match in _FORMS.finditer(text)]
    if len(text) >= _SHORTEST_TOKEN and not is_digest and not text.startswith("arn:"):
        found += [token for token in _TOKEN.findall(text) if _is_random(token)]
    return tuple(found)


@lru_cache(maxsize=65_536)
def is_digest_name(name: str) -> bool:
    """Return whether values of this name are random by nature, and public."""
    return bool(_DIGEST.search(name))


def _is_random(token: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    if any(sum(map(kind, token)) < _LEAST_OF_EACH for kind in kinds):
        return False
    if _MOST_LETTERS.search(token):
        return False
    counts = Counter(token).values()
    bits = -sum(n / len(token) * math.log2(n / len(token)) for n in counts)
    return bits >= _LEAST_BITS


class Mask:
    """Removes known secrets from texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known = set(_forms(secrets))
        lengths: dict[str, set[int]] = defaultdict(set)
        for secret in self._known:
            lengths[secret[:SHORTEST]].add(len(secret))
        # How long the secrets with a beginning are, the longest first.
        self._lengths = {start: sorted(all_, reverse=True) for start, all_ in lengths.items()}
        # Finding few beginnings is faster with an expression, even where they overlap.
        few = len(lengths) <= _FEW
        self._starts = re.compile(f"(?={'|'.join(map(re.escape, lengths))})") if few else None

    def __call__(self, text: str) -> str:
        """Return the text with a placeholder for each secret."""
        if not self._known or len(text) < SHORTEST:
            return text
        spans = list(self._spans(text))
        if not spans:
            return text
        parts, end = [], 0
        for start, stop in spans:
            parts += [text[end:start], HIDDEN]
            end = stop
        return "".join((*parts, text[end:]))

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets are, those that overlap as one."""
        open_start = open_end = -1
        for start in self._candidates(text):
            for length in self._lengths.get(text[start : start + SHORTEST], ()):
                if text[start : start + length] in self._known:
                    if start >= open_end:
                        if open_end > 0:
                            yield open_start, open_end
                        open_start = start
                    open_end = max(open_end, start + length)
                    break
        if open_end > 0:
            yield open_start, open_end

    def _candidates(self, text: str) -> Iterable[int]:
        if self._starts is None:
            return range(len(text) - SHORTEST + 1)
        return (match.start() for match in self._starts.finditer(text))


def _forms(secrets: Iterable[str]) -> Iterator[str]:
    """Yield each secret, and each line of one that has several."""
    for secret in secrets:
        if secret.strip() and len(secret) >= SHORTEST:
            yield secret
            if "\n" in secret:
                yield from (line for line in secret.splitlines() if len(line) >= 2 * SHORTEST)
