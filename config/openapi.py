"""The OpenAPI document: its settings, and what the generator cannot see by itself."""

from typing import Any

Schema = dict[str, Any]

SPECTACULAR_SETTINGS = {
    "TITLE": "Offstage",
    "DESCRIPTION": "The request answers at once, the work happens off stage, and nothing is lost on the way.",
    "VERSION": "1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "displayRequestDuration": True},
    # Without a name of ours an enum is named after the field, and renamed by the next serializer that has one.
    "ENUM_NAME_OVERRIDES": {
        "DeletionState": "accounts.account_deletion.models.DeletionState",
        "DeletionStepName": "accounts.account_deletion.models.StepName",
        "ExportState": "accounts.exports.models.ExportState",
        "LoginKind": "accounts.logins.models.LoginKind",
        "JobState": "celery_ledger.states.JobState",
        "RetryableJobState": (("dead", "Dead"), ("cancelled", "Cancelled")),
        "ReportKind": "reports.models.ReportKind",
        "ReportState": "reports.models.ReportState",
        "VideoState": "media_pipeline.models.VideoState",
        "StepState": "media_pipeline.models.StepState",
        "StepName": "media_pipeline.models.StepName",
        "WebhookEvent": "accounts.webhooks.models.WebhookEvent",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.finish",
    ],
}

EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string", "enum": ["video", "end"]},
        "data": {"type": "string"},
    },
    "required": ["event", "data"],
}


def finish(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Return the document with paths as README writes them, the refusals' shapes, and the event stream added."""
    # Here, for the settings name this module, and that one reads them.
    from api.schema import HEADERS, INVALID_INPUT, REFUSAL, document_refusals  # noqa: PLC0415 - as above
    from config.openapi_tus import add_uploads  # noqa: PLC0415 - as above

    result["paths"] = {path.rstrip("/"): item for path, item in result["paths"].items()}
    if "/api/videos/{id}" in result["paths"]:
        events = _events(result)
        document_refusals(events, {"401", "404", "429", "503"})
        result["paths"]["/api/videos/{id}/events"] = {"get": events}
        add_uploads(result)
    components = result.setdefault("components", {})
    components["headers"] = HEADERS
    components.setdefault("schemas", {}).update(Refusal=REFUSAL, InvalidInput=INVALID_INPUT)
    return result


def _events(result: Schema) -> Schema:
    """Return the operation of the event stream: a plain asynchronous view, which the generator does not visit."""
    video = result["paths"]["/api/videos/{id}"]["get"]
    return {
        "operationId": "videos_events",
        "summary": "The video as server-sent events whenever it changes, until it is final",
        "description": "Each `event: video` carries the video as one line of JSON; `event: end` is the last.",
        "parameters": [parameter for parameter in video.get("parameters", []) if parameter["in"] == "path"],
        "tags": video.get("tags", ["videos"]),
        "security": video.get("security", []),
        "responses": {
            "200": {
                "description": "The stream",
                "content": {"text/event-stream": {"schema": EVENT}},
            }
        },
    }
