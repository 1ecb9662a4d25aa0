"""The resumable uploads' part of the OpenAPI document: plain asynchronous views, which the generator does not visit."""

from copy import deepcopy
from typing import Any

from api.schema import document_refusals
from media_pipeline.uploads import tus_headers

Schema = dict[str, Any]

_NUMBER = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
_BYTES = {tus_headers.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_WHY = {
    "408": "The body fell silent; what came is kept, unless it bears a checksum",
    "409": "The upload does not end at Upload-Offset",
    "410": "The upload has expired, was used, or its file is lost",
    "412": "Another version of tus; see Tus-Version",
    "413": "More than VIDEO_MAX_BYTES, or than the upload was to have",
    "415": f"The body is not {tus_headers.CONTENT_TYPE}",
    "423": "Another request is writing to the upload",
    "429": "As many uploads without a video as one may have; see Retry-After",
    "460": "The checksum does not match; nothing of the request is kept",
    "507": "No storage left for the video",
}


def add_uploads(result: Schema) -> None:
    """Add the operations of tus to the document."""
    model = result["paths"]["/api/videos"]["post"]
    result["paths"]["/api/uploads"] = {"get": _list(result), "post": _create(model)}
    result["paths"]["/api/uploads/{id}"] = {"head": _show(model), "patch": _add(model), "delete": _end(model)}


def _list(result: Schema) -> Schema:
    """Return the list of videos as a list of uploads: paging, errors and security are the same."""
    operation = deepcopy(result["paths"]["/api/videos"]["get"])
    page = {
        "type": "object",
        "properties": {
            **_properties(result["components"]["schemas"]["PaginatedVideoList"]),
            "results": {"type": "array", "items": _open_upload()},
        },
        "required": ["results"],
    }
    operation["responses"]["200"]["content"] = {"application/json": {"schema": page}}
    return {
        **operation,
        "operationId": "uploads_list",
        "tags": ["uploads"],
        "summary": "List your uploads that no video was made of, newest first",
        "description": "Expired uploads are left out. The header Tus-Resumable is not needed.",
    }


def _open_upload() -> Schema:
    instant = {"type": "string", "format": "date-time"}
    fields: Schema = {
        "id": {"type": "string", "format": "uuid"},
        "url": {
            "type": "string",
            "format": "uri",
            "description": "Continue it with PATCH, end it with DELETE",
        },
        "length": {**_NUMBER, "description": "Bytes of the whole video"},
        "offset": {**_NUMBER, "description": "How many of them are there"},
        "filename": {"type": "string", "description": 'As the client sent it; "" where it sent none'},
        "created_at": instant,
        "expires_at": instant,
    }
    return {"type": "object", "properties": fields, "required": list(fields)}


def _properties(page: Schema) -> Schema:
    return {name: schema for name, schema in page["properties"].items() if name != "results"}


def _create(model: Schema) -> Schema:
    (key,) = [parameter for parameter in model["parameters"] if parameter["name"] == "Idempotency-Key"]
    place = _shown({"type": "string", "format": "uri"}, "Where the upload is")
    begun = {
        "description": "Begun. Make a video of it with POST /api/videos once it is whole",
        "content": {"application/json": {"schema": _made()}},
        "headers": {
            "Location": place,
            "Idempotent-Replayed": model["responses"]["202"]["headers"]["Idempotent-Replayed"],
            **_progress(),
        },
    }
    operation = {
        "operationId": "uploads_create",
        "summary": "Begin a resumable upload, and send its first bytes if you like",
        "description": f"tus {tus_headers.VERSION}; extensions: {tus_headers.EXTENSIONS.replace(',', ', ')}",
        "parameters": [
            _header("Upload-Length", _NUMBER, "Bytes of the whole video", required=True),
            _header("Upload-Metadata", _metadata(), "`filename`, in base64, becomes the title"),
            _header("Upload-Checksum", _checksum(), "Of this request's body"),
            key,
        ],
        "requestBody": {"content": _BYTES},
        "responses": {"201": begun, **_refused("408", "412", "413", "415", "429", "460", "507")},
    }
    return _documented(operation, model, {"400", "401", "403", "409", "422", "503"})


def _show(model: Schema) -> Schema:
    length = {"Upload-Length": _shown(_NUMBER, "Bytes of the whole video")}
    found = {"description": "It goes on at Upload-Offset", "headers": {**length, **_progress()}}
    operation = {
        "operationId": "uploads_retrieve",
        "summary": "How much of an upload is there",
        "parameters": [_ID],
        "responses": {"200": found, **_refused("410", "412")},
    }
    documented = _documented(operation, model, {"401", "404", "503"})
    for refused in documented["responses"].values():
        refused.pop("content", None)  # an answer to HEAD has no body
    return documented


def _add(model: Schema) -> Schema:
    kept = {"description": "They are on the disk", "headers": _progress()}
    operation = {
        "operationId": "uploads_partial_update",
        "summary": "Send the next bytes of an upload; where the line breaks, what came is kept",
        "parameters": [
            _ID,
            _header("Upload-Offset", _NUMBER, "Where they belong: how many are there", required=True),
            _header("Upload-Checksum", _checksum(), "Of this request's body"),
        ],
        "requestBody": {"content": _BYTES, "required": True},
        "responses": {
            "204": kept,
            **_refused("408", "409", "410", "412", "413", "415", "423", "460", "507"),
        },
    }
    return _documented(operation, model, {"400", "401", "403", "404", "503"})


def _end(model: Schema) -> Schema:
    operation = {
        "operationId": "uploads_destroy",
        "summary": "End an upload and remove its file",
        "parameters": [_ID],
        "responses": {"204": {"description": "Gone"}, **_refused("410", "412")},
    }
    return _documented(operation, model, {"401", "403", "404", "503"})


def _documented(operation: Schema, model: Schema, refusals: set[str]) -> Schema:
    version = _header("Tus-Resumable", {"type": "string", "enum": [tus_headers.VERSION]}, "", required=True)
    operation["parameters"].append(version)
    operation["tags"], operation["security"] = ["uploads"], model["security"]
    document_refusals(operation, refusals)
    return operation


def _refused(*statuses: str) -> Schema:
    return {status: {"description": _WHY[status]} for status in statuses}


def _header(name: str, schema: Schema, description: str, *, required: bool = False) -> Schema:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


def _shown(schema: Schema, description: str) -> Schema:
    return {"schema": schema, "description": description, "required": True}


def _progress() -> Schema:
    return {
        "Upload-Offset": _shown(_NUMBER, "How many bytes are there, on the disk for good"),
        "Upload-Expires": _shown({"type": "string"}, "Kept until then, where no more comes; an HTTP date"),
    }


def _made() -> Schema:
    made = {"id": {"type": "string", "format": "uuid", "description": "What POST /api/videos calls `upload`"}}
    return {"type": "object", "properties": made, "required": ["id"]}


def _metadata() -> Schema:
    pair = rf"[!-+\--~]+(?: {_BASE64})?"
    return {
        "type": "string",
        "pattern": f"^(?:{pair}(?:,{pair})*)?$",
        "maxLength": tus_headers.METADATA_CHARACTERS,
    }


def _checksum() -> Schema:
    # A sha1 has 20 bytes, a sha256 32, a sha512 64.
    forms = r"sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=|sha512 [A-Za-z0-9+/]{86}=="
    return {"type": "string", "pattern": f"^(?:{forms})$"}
