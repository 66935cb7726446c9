"""Uploading observations: compressed, checked on the way, and only what has changed."""

from __future__ import annotations

import gzip
import hashlib
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ops.common.aws import Client
from ops.common.aws_errors import code_of

CONTENT_TYPE = "application/geo+json"
CACHE_CONTROL = "public, max-age=3600"
DIGEST = "content-sha256"
"""Name of the metadata that holds the SHA-256 of the file before compression."""

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_PART_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file, where it goes, and what is there: nothing, the same, or something else."""

    path: Path
    key: str
    action: str
    bytes: int
    digest: str

    @property
    def needed(self) -> bool:
        """Whether there is anything to send."""
        return self.action != "unchanged"

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "path": str(self.path)}


def plan(s3: Client, bucket: str, path: Path, key: str) -> Upload:
    """Return what uploading a file would do; raises OSError if it is unreadable."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Upload(
        path=path,
        key=key,
        action=_action(s3, bucket, key, digest),
        bytes=len(content),
        digest=digest,
    )


def send(s3: Client, bucket: str, upload: Upload) -> None:
    """Upload a file.

    It is compressed, because browsers decompress it, and CloudFront does not compress what is
    above 10 MB. S3 checks the SHA-256 of what arrives; above 8 MB it is sent in parts.
    """
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

    packed = gzip.compress(upload.path.read_bytes(), mtime=0)
    s3.upload_fileobj(
        io.BytesIO(packed),
        bucket,
        upload.key,
        ExtraArgs={
            "ContentType": CONTENT_TYPE,
            "ContentEncoding": "gzip",
            "CacheControl": CACHE_CONTROL,
            "ChecksumAlgorithm": "SHA256",
            "Metadata": {DIGEST: upload.digest},
        },
        Config=TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES),
    )


def _action(s3: Client, bucket: str, key: str, digest: str) -> str:
    try:
        found = s3.head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if code_of(error) in _ABSENT:
            return "new"
        raise
    same = (
        found.get("Metadata", {}).get(DIGEST) == digest
        and found.get("ContentType") == CONTENT_TYPE
        and found.get("CacheControl") == CACHE_CONTROL
    )
    return "unchanged" if same else "replace"
