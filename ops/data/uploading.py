"""Uploads observations: compressed, with a checksum, and only what has changed."""

from __future__ import annotations

import gzip
import hashlib
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.common.aws_errors import if_exists

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONTENT_TYPE = "application/geo+json"
CACHE_CONTROL = "public, max-age=3600"
DIGEST = "content-sha256"
"""Name of the metadata that holds the SHA-256 of the file before compression."""

_PART_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file, its key, and the action: new, replace or unchanged."""

    path: Path
    key: str
    action: str
    bytes: int
    digest: str

    @property
    def needed(self) -> bool:
        """Whether the file must be sent."""
        return self.action != "unchanged"

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        return {**asdict(self), "path": str(self.path)}


def plan(s3: S3Client, bucket: str, path: Path, key: str) -> Upload:
    """Return what uploading a file would do.

    Raises:
        OSError: The file is unreadable.

    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Upload(
        path=path,
        key=key,
        action=_action(s3, bucket, key, digest),
        bytes=len(content),
        digest=digest,
    )


def send(s3: S3Client, bucket: str, upload: Upload) -> None:
    """Upload a file, in parts above 8 MB; S3 verifies the SHA-256 of what arrives.

    It is compressed here, because CloudFront does not compress objects above 10 MB.
    """
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

    s3.upload_fileobj(
        io.BytesIO(gzip.compress(upload.path.read_bytes(), mtime=0)),
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


def _action(s3: S3Client, bucket: str, key: str, digest: str) -> str:
    found = if_exists(lambda: s3.head_object(Bucket=bucket, Key=key))
    if found is None:
        return "new"
    same = (
        found["Metadata"].get(DIGEST) == digest
        and found.get("ContentType") == CONTENT_TYPE
        and found.get("CacheControl") == CACHE_CONTROL
    )
    return "unchanged" if same else "replace"
