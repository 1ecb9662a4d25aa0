"""Make offstage.mp4, the sample video: drawn here, spoken by a free voice, so that nobody else has rights in it.

    pip install hibari-tts pillow && python -m media_pipeline.sample.make_sample

The voice is Hibari's (Apache License 2.0, inside its package), the letters are DejaVu's (free, inside matplotlib).
words.txt is what is said, one paragraph a scene; the tests hear the video with Whisper and compare.
"""

import math
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import imageio_ffmpeg
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
WIDTH, HEIGHT, RATE = 1280, 720, 25
# Shapes are drawn twice as large and made smaller: Pillow's edges are jagged.
LARGER = 2
VOICE_RATE = 24_000
BEFORE_SECONDS, BETWEEN_SECONDS, AFTER_SECONDS = 0.6, 0.5, 1.4
NIGHT, STAGE, CURTAIN, FOLD = "#14121f", "#221f33", "#8c1c2e", "#6f1424"
PAPER, GOLD, MINT, SKY, GREY = "#f4efe6", "#f2b84b", "#58c4a3", "#6aa6e8", "#6b6880"
TITLES = ("Offstage", "Asked for, never lost", "One job at a time", "Cut, encode, join", "Ready")
WORKERS = 3
PIECES = 6


@dataclass(frozen=True)
class Scene:
    """A paragraph's picture: from when to when."""

    start: float
    end: float


class Canvas:
    """One frame, drawn in the units of the video."""

    def __init__(self) -> None:
        self._image = Image.new("RGB", (WIDTH * LARGER, HEIGHT * LARGER), NIGHT)
        self._draw = ImageDraw.Draw(self._image)

    def box(  # noqa: PLR0913 - a rectangle has that many figures
        self, left: float, top: float, width: float, height: float, colour: str, radius: float = 14
    ) -> None:
        """Fill a rectangle with round corners."""
        corners = [value * LARGER for value in (left, top, left + width, top + height)]
        self._draw.rounded_rectangle(corners, radius * LARGER, fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """Fill a circle."""
        corners = [value * LARGER for value in (x - radius, y - radius, x + radius, y + radius)]
        self._draw.ellipse(corners, fill=colour)

    def text(self, x: float, y: float, words: str, size: int, colour: str = PAPER) -> None:
        """Write `words` centred at (x, y)."""
        font = ImageFont.truetype(
            str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"), size * LARGER
        )
        self._draw.text((x * LARGER, y * LARGER), words, colour, font, anchor="mm")

    def bytes(self) -> bytes:
        """Return the frame as packed RGB."""
        return self._image.resize((WIDTH, HEIGHT), Image.Resampling.BOX).tobytes()


def main() -> None:
    """Write offstage.mp4 beside this file."""
    spoken = [speak(paragraph) for paragraph in (HERE / "words.txt").read_text().strip().split("\n\n")]
    scenes = lay_out([len(samples) / VOICE_RATE for samples in spoken])
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        write_sound(sound, spoken)
        film = imageio_ffmpeg.write_frames(
            str(HERE / "offstage.mp4"),
            (WIDTH, HEIGHT),
            fps=RATE,
            codec="libx264",
            pix_fmt_out="yuv420p",
            quality=None,
            audio_path=str(sound),
            audio_codec="aac",
            output_params=[
                *("-crf", "25", "-preset", "veryslow", "-tune", "animation", "-g", "100"),
                *(
                    "-vf",
                    "scale=out_color_matrix=bt709,setparams=colorspace=bt709:color_trc=bt709:color_primaries=bt709",
                ),
                *("-b:a", "72k", "-ac", "1", "-ar", "48000", "-metadata:s:a:0", "language=eng"),
                *("-metadata", "title=Offstage", "-movflags", "+faststart"),
            ],
        )
        film.send(None)
        for frame in draw(scenes):
            film.send(frame)
        film.close()


def speak(paragraph: str) -> npt.NDArray[np.float32]:
    """Return `paragraph` as samples at 24 kHz, the same each time."""
    from hibari import Hibari  # type: ignore[import-not-found]  # noqa: PLC0415 - only this script needs it

    samples: npt.NDArray[np.float32] = Hibari()(" ".join(paragraph.split()), seed=0)
    return samples


def lay_out(lengths: list[float]) -> list[Scene]:
    """Return one scene a paragraph, each as long as its words and the pause after them."""
    steps = [length + BETWEEN_SECONDS for length in lengths]
    steps[0] += BEFORE_SECONDS
    steps[-1] += AFTER_SECONDS
    ends = list(accumulate(steps))
    return [Scene(start, end) for start, end in zip([0.0, *ends[:-1]], ends, strict=True)]


def write_sound(path: Path, spoken: list[npt.NDArray[np.float32]]) -> None:
    """Write the words with their pauses as a wave file."""
    between = np.zeros(int(BETWEEN_SECONDS * VOICE_RATE), np.float32)
    parts = [np.zeros(int(BEFORE_SECONDS * VOICE_RATE), np.float32)]
    for samples in spoken:
        parts += [samples, between]
    parts.append(np.zeros(int(AFTER_SECONDS * VOICE_RATE), np.float32))
    whole = np.concatenate(parts)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(VOICE_RATE)
        file.writeframes((np.clip(0.9 * whole / np.abs(whole).max(), -1, 1) * 32767).astype("<i2").tobytes())


def draw(scenes: list[Scene]) -> Iterator[bytes]:
    """Yield every frame of the video."""
    painters = (paint_welcome, paint_signup, paint_workers, paint_chunks, paint_ready)
    for number in range(round(scenes[-1].end * RATE)):
        now = number / RATE
        scene = next((index for index, scene in enumerate(scenes) if now < scene.end), len(scenes) - 1)
        canvas = Canvas()
        canvas.box(0, 560, WIDTH, 160, STAGE, 0)
        painters[scene](canvas, now - scenes[scene].start, scenes[scene].end - scenes[scene].start)
        if 0 < scene < len(scenes) - 1:
            canvas.text(WIDTH / 2, 90, TITLES[scene], 52)
            canvas.box(WIDTH / 2 - 60, 134, 120, 6, GOLD, 3)
        yield canvas.bytes()


def paint_welcome(canvas: Canvas, now: float, length: float) -> None:
    """A closed curtain, the title, and the curtain opening."""
    canvas.text(WIDTH / 2, 300, "background jobs", 40, GREY)
    curtain(canvas, eased((now - length + 1.0) / 1.0))
    if now < length - 1.0:
        canvas.text(WIDTH / 2, 310, "Offstage", 120)
        canvas.text(WIDTH / 2, 420, "what happens behind the scenes", 36, GOLD)


def paint_signup(canvas: Canvas, now: float, length: float) -> None:
    """A form answers at once; its job travels into the ledger."""
    canvas.box(120, 220, 330, 260, PAPER)
    canvas.text(285, 265, "Sign up", 34, NIGHT)
    canvas.box(160, 305, 250, 40, "#d9d2c4", 8)
    canvas.box(160, 360, 250, 40, "#d9d2c4", 8)
    answered = now > length * 0.2
    canvas.box(160, 420, 250, 40, MINT if answered else SKY, 8)
    canvas.text(285, 440, "Welcome!" if answered else "Send", 22, NIGHT)
    canvas.box(800, 200, 360, 320, STAGE)
    canvas.text(980, 235, "Ledger", 30, GOLD)
    for row in range(5):
        arrival = length * (0.35 + 0.11 * row)
        share = eased((now - arrival) / 0.9)
        if share <= 0:
            continue
        x = 470 + (830 - 470) * share
        y = 440 + (260 + 48 * row - 440) * share - 90 * math.sin(math.pi * share)
        canvas.box(x, y, 300, 38, (GOLD, MINT, SKY, GOLD, MINT)[row], 8)
        canvas.text(
            x + 150, y + 19, ("send mail", "make video", "report", "send mail", "clean up")[row], 20, NIGHT
        )


def paint_workers(canvas: Canvas, now: float, length: float) -> None:
    """Jobs on a belt; one worker goes dark, and its job moves to the next."""
    stopped = now > length * 0.55
    for worker in range(WORKERS):
        dark = stopped and worker == 1
        x = 260 + 380 * worker
        canvas.disc(x, 290, 46, GREY if dark else PAPER)
        canvas.box(x - 70, 350, 140, 130, GREY if dark else SKY)
        canvas.text(x, 415, "stopped" if dark else f"worker {worker + 1}", 22, NIGHT)
        turn = (now * 0.6 + worker / WORKERS) % 1
        if not dark:
            canvas.box(x - 40, 600 - 90 * eased(turn * 1.4), 80, 44, (GOLD, MINT, PAPER)[worker], 8)
    if stopped:
        share = eased((now - length * 0.6) / 1.2)
        canvas.box(600 + 380 * share, 510 - 60 * math.sin(math.pi * share), 80, 44, MINT, 8)


def paint_chunks(canvas: Canvas, now: float, length: float) -> None:
    """A video strip is cut, its pieces are encoded side by side, and joined again."""
    apart = eased(now / 1.2 - 0.4) * (1 - eased((now - length + 1.3) / 0.9))
    for piece in range(PIECES):
        x = WIDTH / 2 + (piece - PIECES / 2) * (120 + 46 * apart) + 23 * apart
        y = 300 + 26 * apart * math.sin(now * 2.2 + piece)
        done = min(1.0, max(0.0, (now - 1.6) / (length - 3.2) * 1.3 - 0.05 * piece))
        canvas.box(x, y, 120, 130, "#3a3654", 6)
        canvas.box(x + 8, y + 26, 104, 78, PAPER, 4)
        canvas.box(x + 8, y + 26, max(8, 104 * done), 78, MINT, 4)
        for hole in range(5):
            canvas.box(x + 10 + 22 * hole, y + 7, 12, 12, NIGHT, 3)
            canvas.box(x + 10 + 22 * hole, y + 111, 12, 12, NIGHT, 3)
        canvas.text(x + 60, y + 65, f"{round(done * 100)}%", 24, NIGHT)
    canvas.box(240, 520, 800, 18, "#3a3654", 9)
    canvas.box(240, 520, max(18, 800 * min(1.0, now / (length - 0.6))), 18, GOLD, 9)


def paint_ready(canvas: Canvas, now: float, length: float) -> None:
    """The curtain rises on the finished video."""
    canvas.box(340, 150, 600, 340, PAPER)
    canvas.box(360, 170, 560, 300, SKY, 8)
    canvas.disc(800, 240, 40 + 3 * math.sin(now * 3), GOLD)
    for hill in range(3):
        canvas.disc(450 + 190 * hill + 8 * math.sin(now + hill), 470, 76, MINT)
    canvas.box(340, 490, 600, 70, NIGHT, 0)
    canvas.box(340, 470, 600, 20, PAPER, 0)
    canvas.text(WIDTH / 2, 320, "Ready", 84)
    canvas.text(WIDTH / 2, 620, "Thank you for watching", 40, GOLD)
    curtain(canvas, eased(now / (length * 0.4)))


def curtain(canvas: Canvas, opened: float) -> None:
    """Draw both halves, `opened` from 0 to 1; a hem of folds stays at the sides."""
    half = WIDTH / 2 * (1 - opened) + 90
    fold = half / 8
    for side in (0, 1):
        for number in range(8):
            left = number * fold if side == 0 else WIDTH - (number + 1) * fold
            canvas.box(left, 0, fold + 1, HEIGHT, (CURTAIN, FOLD)[number % 2], 0)
    canvas.box(0, 0, WIDTH, 46, FOLD, 0)


def eased(share: float) -> float:
    """Return 0 to 1, slow at both ends."""
    held = min(1.0, max(0.0, share))
    return held * held * (3 - 2 * held)


if __name__ == "__main__":
    main()
