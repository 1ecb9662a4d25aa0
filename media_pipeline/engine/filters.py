"""Filters that make any decoded picture upright, progressive, 8 bit, of the standard colours and range."""

from media_pipeline.engine.film import Film

# By rotation (counter-clockwise) and whether the picture is mirrored first.
TURNS = {
    (90, False): "transpose=cclock",
    (180, False): "hflip,vflip",
    (270, False): "transpose=clock",
    (0, True): "hflip",
    (90, True): "transpose=cclock_flip",
    (180, True): "vflip",
    (270, True): "transpose=clock_flip",
}
# A turned picture must not tell the next reader to turn it again (PNG and MP4 would carry that on).
FORGET_TURN = "sidedata=mode=delete:type=DISPLAYMATRIX"
TRANSFER_NAMES = {"pq": "smpte2084", "hlg": "arib-std-b67"}
FROM_RGB = "scale=out_color_matrix=bt709:out_range=tv"
# What is transparent becomes black, whatever colour the writer left there; the alpha is straight, as files have it.
# Measured: still marked as premultiplied, a later scaler would undo it.
ON_BLACK = ("format=gbrap", "premultiply=inplace=1", "setparams=alpha_mode=straight", "format=gbrp")
STANDARD_TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"


def deinterlace_filter(film: Film) -> str:
    """Return the filter that makes one picture of two fields, "" for a progressive video.

    It looks at the neighbours, so it stands before the frame grid, which may repeat or drop pictures, and gives up
    where their sizes differ; pictures of the video's own size pass the scaler as they are.
    """
    one_size = f"scale=w={film.width}:h={film.height}:interl=-1"
    return f"{one_size},bwdif=mode=send_frame" if film.interlaced else ""


def picture_filters(film: Film) -> str:
    """Return the filters for one picture by itself: size, colours, range, turn.

    They are explicit, not left to ffmpeg: a piece cut out of the video carries neither rotation nor HDR data, and a
    picture without tags would be taken for another colour space on each rung, judged by its size. Without its size,
    a chunk that begins with smaller pictures would be made as small as they are.
    """
    turn = TURNS.get((film.rotation, film.mirrored))
    upright = (turn, FORGET_TURN) if turn else ()
    return ",".join((*_bars(film), *_colours(film), STANDARD_TAGS, *upright))


def _bars(film: Film) -> tuple[str, ...]:
    if not film.letterboxed:
        return ()
    size = f"{film.width}:{film.height}"
    inside = "force_original_aspect_ratio=decrease:force_divisible_by=2:eval=frame"
    return f"scale={size}:{inside}", f"pad={size}:-1:-1:black:eval=frame"


def _colours(film: Film) -> tuple[str, ...]:
    size = f"w={film.width}:h={film.height}"
    if film.transfer != "sdr":
        return (
            f"zscale=tin={TRANSFER_NAMES[film.transfer]}:pin=bt2020:min=bt2020nc:t=linear:npl=100:{size}",
            "format=gbrpf32le",
            "zscale=p=bt709",
            "tonemap=tonemap=hable:desat=0",
            "zscale=t=bt709:m=bt709:r=tv",
            "format=yuv420p",
        )
    if film.has_alpha:
        return (f"scale={size}:{_matrix(film)}", *ON_BLACK, FROM_RGB, "format=yuv420p")
    if film.colour_space == "bt2020":
        standard = "t=bt709:p=bt709:m=bt709:r=tv"
        return (f"zscale=tin=bt709:pin=bt2020:min=bt2020nc:{standard}:{size}", "format=yuv420p")
    if film.colour_space == "rgb":
        return (f"{FROM_RGB}:{size}", "format=yuv420p")
    return (f"scale={size}:{_matrix(film)}:out_color_matrix=bt709:out_range=tv", "format=yuv420p")


def _matrix(film: Film) -> str:
    if film.colour_space == "rgb":
        return "out_range=pc"
    return f"in_color_matrix={film.colour_space}:in_range={film.colour_range}"
