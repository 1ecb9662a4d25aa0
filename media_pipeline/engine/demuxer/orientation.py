"""Which way up a picture is shown: what its display matrix says."""

from struct import unpack
from typing import Any

from av.sidedata.sidedata import Type

MATRIX_BYTES = 36


def orientation(frame: Any) -> dict[str, Any]:
    """Return `rotation` (counter-clockwise) and `mirrored` (left to right, before the turn) of a decoded frame."""
    try:
        matrix = next((bytes(data) for data in frame.side_data if data.type == Type.DISPLAYMATRIX), b"")
    except ValueError:
        # PyAV 18 lists no side data at all where one of them is of a type that it does not know (EXIF, in TIFF).
        return {"rotation": round(frame.rotation / 90) % 4 * 90, "mirrored": False}
    if len(matrix) != MATRIX_BYTES:
        return {"rotation": 0, "mirrored": False}
    a, b, _, c, d, *_ = unpack("=9i", matrix)
    rotation, mirrored = nearest_orientation(a, b, c, d)
    return {"rotation": rotation, "mirrored": mirrored}


def nearest_orientation(a: int, b: int, c: int, d: int) -> tuple[int, bool]:
    """Return the nearest of the eight orientations of a matrix that maps (x, y) to (ax + cy, bx + dy).

    Source: ISO/IEC 14496-12, 6.2.2 (the order of the values). Scale is ignored, as players do; y points down.
    """
    if abs(b) + abs(c) > abs(a) + abs(d):
        return (90 if c > 0 else 270), (b > 0) == (c > 0)
    mirrored = (a < 0) != (d < 0)
    return (180 if d < 0 else 0), mirrored
