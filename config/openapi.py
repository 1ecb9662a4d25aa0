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
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
    # Without a name of ours an enum is named after the field, and renamed by the next serializer that has one.
    "ENUM_NAME_OVERRIDES": {
        "DeletionState": "accounts.models.DeletionState",
        "DeletionStepName": "accounts.models.StepName",
        "ExportState": "accounts.models.ExportState",
        "JobState": "jobs.states.JobState",
        "RetryableJobState": (("dead", "Dead"), ("cancelled", "Cancelled")),
        "ReportKind": "reports.models.ReportKind",
        "ReportState": "reports.models.ReportState",
        "VideoState": "media_pipeline.models.VideoState",
        "StepState": "media_pipeline.models.StepState",
        "StepName": "media_pipeline.models.StepName",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.finish",
    ],
}

ERRORS = {
    "400": "What was sent is at fault",
    "401": "Not logged in",
    "403": "Not allowed",
    "404": "Not found, or someone else's",
    "409": "The present state does not allow it",
    "422": "The Idempotency-Key was used for a different request",
    "429": "Too many requests; see Retry-After",
    "503": "The database is not reachable; see Retry-After",
}
EVERYWHERE = ("429", "503")


def finish(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Return the document with paths as README writes them, every error documented, and the event stream added."""
    result["paths"] = {path.rstrip("/"): item for path, item in result["paths"].items()}
    if "/api/videos/{id}" in result["paths"]:
        result["paths"]["/api/videos/{id}/events"] = {"get": _events(result)}
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Refusal"] = {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    }
    schemas["InvalidInput"] = {
        "type": "object",
        "description": "The fields at fault, each with its reasons; or a `detail` that belongs to no field.",
        "additionalProperties": {
            "oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
        },
    }
    for path, item in result["paths"].items():
        for method, operation in item.items():
            for status in _errors_of(path, method, operation):
                operation["responses"].setdefault(status, _error(status))
    return result


def _errors_of(path: str, method: str, operation: Schema) -> list[str]:
    found = list(EVERYWHERE)
    if "requestBody" in operation or operation.get("parameters"):
        found.append("400")
    if {} not in operation.get("security", []):
        found += ["401", "403"]
    if "{" in path:
        found.append("404")
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
        found += ["409", "422"]
    if method == "post" and "{" in path:
        found.append("409")
    return sorted(set(found))


def _error(status: str) -> Schema:
    name = "InvalidInput" if status == "400" else "Refusal"
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"description": ERRORS[status], "content": content}


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
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
    }
