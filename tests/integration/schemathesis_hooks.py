"""What schemathesis does not know by itself: how the body of a resumable upload is sent."""

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
