"""Filters that make any decoded picture upright, progressive, and of the standard range and colours."""

from media_pipeline.engine.film import Film

# PyAV gives the turn counter-clockwise; compared with ffmpeg's own autorotate by frame hash.
TURNS = {90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"}
TONE_MAP = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)


def picture_filters(film: Film) -> str:
    """Return the filter chain for `film`, comma-separated, "" where the picture is right as it is.

    They are explicit, not left to ffmpeg: a piece cut out of the film carries neither rotation nor HDR data.
    """
    chain = []
    if film.interlaced:
        chain.append("bwdif=mode=send_frame")
    if film.transfer != "sdr":
        chain.append(TONE_MAP)
    if film.rotation in TURNS:
        chain.append(TURNS[film.rotation])
    return ",".join(chain)
