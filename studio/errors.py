"""Every refusal Studio makes, as one tree.

StudioError
├── InvalidRequest            400  invalid_request
├── Unauthorized              401  unauthorized
│   ├── WrongCredentials      401  wrong_credentials
│   ├── InvalidToken          401  invalid_token
│   └── WrongApiKey           401  wrong_api_key
├── Forbidden                 403  forbidden
│   ├── BlockedAddress        403  blocked_address
│   ├── CrossOrigin           403  cross_origin
│   ├── NsfwLeftOut           403  nsfw_left_out
│   └── SessionRequired       403  session_required
├── NotFound                  404  not_found
│   └── BlobNotFound          404  blob_not_found
├── MethodNotAllowed          405  method_not_allowed
├── Conflict                  409  conflict
│   ├── AlreadySetUp          409  already_set_up
│   ├── NameTaken             409  name_taken
│   ├── HashMismatch          409  hash_mismatch
│   ├── AssetInUse            409  asset_in_use
│   ├── GalleryFull           409  gallery_full
│   ├── ModelInUse            409  model_in_use
│   ├── ModelNeeded           409  model_needed
│   ├── UpdateRefused         409  update_refused
│   └── VersionConflict       409  version_conflict
├── PayloadTooLarge           413  payload_too_large
├── RangeNotSatisfiable       416  range_not_satisfiable
├── Unprocessable             422  invalid_request
│   ├── InvalidWorkflow       422  invalid_workflow
│   │   ├── TargetMissing     422  target_missing
│   │   └── UnresolvedName    422  unresolved_name
│   ├── InvalidManifest       422  invalid_manifest
│   ├── InvalidValue          422  invalid_value
│   ├── WorkflowFormatUi      422  workflow_format_ui
│   ├── MissingAsset          422  missing_asset
│   ├── NoCheckpoint          422  no_checkpoint
│   ├── InvalidPrompt         422  invalid_prompt
│   ├── InvalidAnswers        422  invalid_answers
│   ├── InvalidPreset         422  invalid_preset
│   ├── WorkflowNotShared     422  workflow_not_shared
│   ├── InvalidBatch          422  invalid_batch
│   ├── InvalidCatalog        422  invalid_catalog
│   ├── NotAModel             422  not_a_model
│   ├── NotMedia              422  not_media
│   ├── PickleRefused         422  pickle_refused
│   └── IdempotencyKeyReuse   422  idempotency_key_reuse
├── TooManyRequests           429  rate_limited
│   ├── QueueFull             429  queue_full
│   ├── TooManyLogins         429  too_many_logins
│   ├── TooManyUploads        429  too_many_uploads
│   └── TooManyStreams        429  too_many_streams
├── UpstreamError             500  upstream_error
├── SourceError               502  source_error
│   ├── SourceUnreachable     502  source_unreachable
│   ├── SourceRefused         502  model_source_refused
│   ├── SourceGone            502  model_source_gone
│   ├── SourceStalled         502  stalled
│   ├── SourceTooLarge        502  too_large
│   ├── InputUnavailable      502  input_unavailable
│   └── SourceBusy            502  rate_limited
├── Unavailable               503  unavailable
│   └── StorageUnavailable    503  storage_unavailable
└── DiskFull                  507  disk_full

``code``, ``status`` and the message are shown to the caller as they are: a message never holds a
secret, a path of this machine or another user's name.
"""

from __future__ import annotations

from typing import Any, ClassVar


class StudioError(Exception):
    """A refusal with a code for programs and a sentence for people.

    Args:
        message: one sentence for the person who reads it.
        details: extra facts for programs, JSON-serialisable.
        retry_after_s: seconds after which a retry makes sense, sent as ``Retry-After``.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s


class InvalidRequest(StudioError):
    code, status = "invalid_request", 400


class Unauthorized(StudioError):
    code, status = "unauthorized", 401


class WrongCredentials(Unauthorized):
    code = "wrong_credentials"


class InvalidToken(Unauthorized):
    code = "invalid_token"


class WrongApiKey(Unauthorized):
    code = "wrong_api_key"


class Forbidden(StudioError):
    code, status = "forbidden", 403


class BlockedAddress(Forbidden):
    code = "blocked_address"


class CrossOrigin(Forbidden):
    code = "cross_origin"


class NsfwLeftOut(Forbidden):
    code = "nsfw_left_out"


class SessionRequired(Forbidden):
    code = "session_required"


class NotFound(StudioError):
    code, status = "not_found", 404


class BlobNotFound(NotFound):
    code = "blob_not_found"


class MethodNotAllowed(StudioError):
    code, status = "method_not_allowed", 405


class Conflict(StudioError):
    code, status = "conflict", 409


class AlreadySetUp(Conflict):
    code = "already_set_up"


class NameTaken(Conflict):
    code = "name_taken"


class HashMismatch(Conflict):
    code = "hash_mismatch"


class AssetInUse(Conflict):
    code = "asset_in_use"


class GalleryFull(Conflict):
    code = "gallery_full"


class ModelInUse(Conflict):
    code = "model_in_use"


class ModelNeeded(Conflict):
    code = "model_needed"


class UpdateRefused(Conflict):
    """An update that is not made; ``details.reason`` names why for programs."""

    code = "update_refused"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, details={"reason": reason})


class VersionConflict(Conflict):
    code = "version_conflict"


class PayloadTooLarge(StudioError):
    code, status = "payload_too_large", 413


class RangeNotSatisfiable(StudioError):
    code, status = "range_not_satisfiable", 416


class Unprocessable(StudioError):
    code, status = "invalid_request", 422


class InvalidWorkflow(Unprocessable):
    code = "invalid_workflow"


class TargetMissing(InvalidWorkflow):
    code = "target_missing"


class UnresolvedName(InvalidWorkflow):
    code = "unresolved_name"


class InvalidManifest(Unprocessable):
    code = "invalid_manifest"


class InvalidValue(Unprocessable):
    code = "invalid_value"


class WorkflowFormatUi(Unprocessable):
    code = "workflow_format_ui"


class MissingAsset(Unprocessable):
    code = "missing_asset"


class NoCheckpoint(Unprocessable):
    code = "no_checkpoint"


class InvalidPrompt(Unprocessable):
    code = "invalid_prompt"


class InvalidAnswers(Unprocessable):
    code = "invalid_answers"


class InvalidPreset(Unprocessable):
    code = "invalid_preset"


class WorkflowNotShared(Unprocessable):
    code = "workflow_not_shared"


class InvalidBatch(Unprocessable):
    code = "invalid_batch"


class InvalidCatalog(Unprocessable):
    code = "invalid_catalog"


class NotMedia(Unprocessable):
    code = "not_media"


class NotAModel(Unprocessable):
    code = "not_a_model"


class PickleRefused(Unprocessable):
    code = "pickle_refused"


class IdempotencyKeyReuse(Unprocessable):
    code = "idempotency_key_reuse"


class TooManyRequests(StudioError):
    code, status = "rate_limited", 429


class QueueFull(TooManyRequests):
    code = "queue_full"


class TooManyLogins(TooManyRequests):
    code = "too_many_logins"


class TooManyUploads(TooManyRequests):
    code = "too_many_uploads"


class TooManyStreams(TooManyRequests):
    code = "too_many_streams"


class UpstreamError(StudioError):
    code, status = "upstream_error", 500


class SourceError(StudioError):
    """A server elsewhere, not Studio, is why a file cannot be had."""

    code, status = "source_error", 502


class SourceUnreachable(SourceError):
    code = "source_unreachable"


class SourceRefused(SourceError):
    code = "model_source_refused"


class SourceGone(SourceError):
    code = "model_source_gone"


class InputUnavailable(SourceError):
    code = "input_unavailable"


class SourceStalled(SourceError):
    code = "stalled"


class SourceTooLarge(SourceError):
    code = "too_large"


class SourceBusy(SourceError):
    code = "rate_limited"


class Unavailable(StudioError):
    code, status = "unavailable", 503


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"


class DiskFull(StudioError):
    code, status = "disk_full", 507
