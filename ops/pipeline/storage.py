"""Where bundles are kept between the review and the apply: below the plans of the state bucket.

They are encrypted as the bucket says and never replaced, and a lifecycle rule of the bucket deletes
those that nobody applied.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import TYPE_CHECKING

from ops.common.aws_errors import error_code, if_exists
from ops.common.errors import MissingError, OperatorError
from ops.common.session import Session
from ops.pipeline import bundle
from ops.pipeline.bundle import Bundle

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EXISTS = "PreconditionFailed"
_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{32}")


class StateBucket:
    """The states and the bundles of an environment in its S3 bucket."""

    def __init__(self, ops: Session) -> None:
        settings, naming = ops.target.settings, ops.target.naming
        state = settings.state.s3
        assert state  # noqa: S101 - only then is this class used
        self._ops = ops
        self._naming = naming
        self.name = state.bucket or naming.state_bucket
        self._region = state.region or settings.region

    @property
    def _s3(self) -> S3Client:
        return self._ops.aws.client("s3", region_name=self._region)

    def read(self, key: str) -> bytes | None:
        """Return an object, None if there is none.

        Raises:
            MissingError: The bucket does not exist.

        """
        try:
            found = self._s3.get_object(
                Bucket=self.name, Key=key, ExpectedBucketOwner=self._ops.aws.account
            )
        except Exception as error:
            if error_code(error) == "NoSuchKey":
                return None
            if error_code(error) == "NoSuchBucket":
                raise MissingError(
                    f"the state bucket {self.name} does not exist",
                    remedy=f"python -m ops bootstrap --env {self._naming.environment}",
                ) from error
            raise
        return found["Body"].read()

    def store(self, one: Bundle) -> str:
        """Store a bundle and return its id."""
        content = bundle.pack(one)
        id_ = f"{one.created:%Y%m%dT%H%M%SZ}-{_digest(content)}"
        try:
            self._s3.put_object(
                Bucket=self.name,
                Key=self._key(one.digest, id_),
                Body=content,
                IfNoneMatch="*",
                ContentType="application/gzip",
                ExpectedBucketOwner=self._ops.aws.account,
            )
        except Exception as error:
            # The same plan at the same second.
            if error_code(error) != _EXISTS:
                raise
        return id_

    def find(self, digest: str) -> list[str]:
        """Return the ids of the bundles of a digest, the newest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name,
            Prefix=self._key(digest, ""),
            ExpectedBucketOwner=self._ops.aws.account,
        )
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        ids = (key.removeprefix(self._key(digest, "")) for key in keys)
        return sorted((id_ for id_ in ids if _ID.fullmatch(id_)), reverse=True)

    def load(self, digest: str, id_: str) -> Bundle | None:
        """Return a bundle, None if there is none.

        Raises:
            OperatorError: It is not the one that was stored.

        """
        content = self.read(self._key(digest, id_))
        if content is None:
            return None
        where = f"s3://{self.name}/{self._key(digest, id_)}"
        found = bundle.unpack(content, where) if id_.endswith(_digest(content)) else None
        if found is None or found.digest != digest:
            raise OperatorError(
                f"{where} is not what its name says", remedy="plan again, and look who wrote it"
            )
        return found

    def delete(self, digest: str) -> None:
        """Delete all bundles of a digest for good: by their versions, without a delete marker."""
        for id_ in self.find(digest):
            key, owner = self._key(digest, id_), self._ops.aws.account
            found = if_exists(
                partial(self._s3.head_object, Bucket=self.name, Key=key, ExpectedBucketOwner=owner)
            )
            if found is None:  # it has just expired
                continue
            self._s3.delete_object(
                Bucket=self.name,
                Key=key,
                # That of an object from before the bucket had versions.
                VersionId=found.get("VersionId", "null"),
                ExpectedBucketOwner=owner,
            )

    def _key(self, digest: str, id_: str) -> str:
        return f"{self._naming.saved_plans}{digest}/{id_}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
