"""A deployment package signed by AWS Signer, and the trust in its signature."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.lambda_code_signing_config import (
    LambdaCodeSigningConfig,
    LambdaCodeSigningConfigAllowedPublishers,
    LambdaCodeSigningConfigPolicies,
)
from cdktf_cdktf_provider_aws.s3_object import (
    S3Object,
    S3ObjectOverrideProvider,
    S3ObjectOverrideProviderDefaultTags,
)
from cdktf_cdktf_provider_aws.signer_signing_job import (
    SignerSigningJob,
    SignerSigningJobDestination,
    SignerSigningJobDestinationS3,
    SignerSigningJobSource,
    SignerSigningJobSourceS3,
)

from modules.settings import CodeSigning
from modules.stack import LayerStack


@dataclass(frozen=True, kw_only=True)
class SignedPackageConfig:
    """The package's path and hash; ``folder`` is where it is in the bucket of the settings."""

    path: str
    sha256: str
    folder: str
    settings: CodeSigning


@dataclass(frozen=True, kw_only=True)
class SignedPackage:
    """Where the signed package is, and which signatures the function must demand."""

    bucket: str
    key: str
    config_arn: str


def add_signed_package(stack: LayerStack, id_: str, config: SignedPackageConfig) -> SignedPackage:
    """Upload the package and have it signed.

    Another package is another version of the object, which another job signs under another key. So
    the function is updated in place, and what was deployed before stays in the bucket.
    """
    settings = config.settings
    unsigned = S3Object(
        stack,
        f"{id_}_unsigned",
        bucket=settings.bucket,
        key=f"{config.folder}/unsigned.zip",
        source=config.path,
        source_hash=config.sha256,
        # An object has ten tags at most, and the environment may have more.
        override_provider=S3ObjectOverrideProvider(
            default_tags=S3ObjectOverrideProviderDefaultTags(tags={})
        ),
    )
    source = SignerSigningJobSourceS3(
        bucket=settings.bucket, key=unsigned.key, version=unsigned.version_id
    )
    destination = SignerSigningJobDestinationS3(
        bucket=settings.bucket, prefix=f"{config.folder}/signed/"
    )
    job = SignerSigningJob(
        stack,
        f"{id_}_signing",
        profile_name=settings.profile,
        source=SignerSigningJobSource(s3=source),
        destination=SignerSigningJobDestination(s3=destination),
    )
    trust = LambdaCodeSigningConfig(
        stack,
        f"{id_}_trust",
        description=f"Only packages signed by {settings.profile}",
        allowed_publishers=LambdaCodeSigningConfigAllowedPublishers(
            signing_profile_version_arns=[settings.profile_version_arn]
        ),
        policies=LambdaCodeSigningConfigPolicies(untrusted_artifact_on_deployment="Enforce"),
    )
    signed = job.signed_object.get(0).s3.get(0)
    return SignedPackage(bucket=signed.bucket, key=signed.key, config_arn=trust.arn)
