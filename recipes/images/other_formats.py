"""Reads images that the graph of a server does not: WebP, TIFF and others, with Pillow.

What is read so becomes a BMP, of which the graph makes the same pixels.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from threading import Lock

from PIL import Image, ImageOps, features

SERVED = (  # what files are called that the graph decodes
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".png", ".apng", ".gif", ".bmp", ".dib"),
)
# By Pillow's names of formats.
OTHERS = {
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".j2c"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
MOST_PIXELS = 2**26  # 8,192 x 8,192: more than cameras have, but for a few of 100 megapixels
# Bytes of memory while it is decoded: what 61 megapixels of a camera held sideways need. With
# `budget.SMALL` for those beside it and what else is at work, less than half a gigabyte.
MOST_MEMORY = 380_000_000
# Likewise of those that Pillow reads: 48 megapixels of a telephone in HEIC.
MOST_OF_OTHERS = 440_000_000
# Bytes of memory for a pixel while Pillow decodes it and makes a BMP of it, as measured.
_COSTS = {"WEBP": 16, "TIFF": 9, "AVIF": 12, "HEIF": 9, "JPEG2000": 25, "PPM": 8}
LARGE = 2**25  # bytes, from which on one is decoded by itself
_ONE_AT_A_TIME = Lock()
_FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}  # that Pillow may lack


@cache
def readable() -> tuple[str, ...]:
    """Returns the formats of `OTHERS` that the installed Pillow reads."""
    if find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    known = [name for name in OTHERS if name in Image.OPEN]
    return tuple(name for name in known if name not in _FEATURES or features.check(_FEATURES[name]))


@cache
def suffixes() -> tuple[str, ...]:
    """Returns what the names of image files end in, in lower case."""
    return (*SERVED, *(suffix for name in readable() for suffix in OTHERS[name]))


def missing_reader(suffix: str) -> str:
    """Says what would read the files of a suffix that nothing reads; empty if nothing would."""
    if suffix in OTHERS["HEIF"]:
        return "pip install pillow-heif"
    return "a newer Pillow" if any(suffix in each for each in OTHERS.values()) else ""


def as_bmp(contents: bytes) -> tuple[str, bytes]:
    """Turns an image upright and into a BMP; returns its format, by Pillow's name, too.

    Of several pages or frames it is the first. Transparency is dropped.

    Raises:
        ValueError: If it is damaged, has too many pixels, or pixels that are no colours; the
            message says so. It is empty if the image is of no format of `OTHERS`.
    """
    with _errors(contents), Image.open(io.BytesIO(contents), formats=readable()) as image:
        _memory_of(image)
        name, file = image.format, io.BytesIO()
        ImageOps.exif_transpose(image, in_place=True)
        rgb = _as_rgb(image, name)
        if rgb is not image:
            image.close()  # else it is in memory twice
        rgb.save(file, "BMP")
    return name, file.getvalue()


def memory_of_other(contents: bytes) -> int:
    """Returns how many bytes of memory it takes to decode an image, as its header says.

    Raises:
        ValueError: As `as_bmp`.
    """
    with _errors(contents), Image.open(io.BytesIO(contents), formats=readable()) as image:
        return _memory_of(image)


def _memory_of(image: Image.Image) -> int:
    pixels, cost = image.width * image.height, _COSTS[image.format]
    most = min(MOST_PIXELS, MOST_OF_OTHERS // cost)
    if not 0 < pixels <= most:
        raise ValueError(
            f"it must have 1 to {most} pixels, as {image.format}, not {image.height} x "
            f"{image.width}"
        )
    return pixels * cost


@contextmanager
def large_alone(contents: bytes) -> Iterator[None]:
    """Waits until no other large image is at work, if this is one.

    Raises:
        ValueError: As `as_bmp`.
    """
    is_large = memory_of_other(contents) > LARGE
    with _ONE_AT_A_TIME if is_large else nullcontext():
        yield


@contextmanager
def _errors(contents: bytes) -> Iterator[None]:
    """Turns errors of Pillow into what is wrong with an image, but not a lack of memory."""
    try:
        yield
    except Image.UnidentifiedImageError as error:
        raise ValueError(_unread(contents)) from error
    except (MemoryError, ValueError):
        raise
    except Exception as error:  # readers of formats raise all there is for what is damaged
        raise ValueError(f"it is damaged or cut short ({error})") from error


def _unread(contents: bytes) -> str:
    """Says what an image is that Pillow does not know."""
    if contents[4:8] != b"ftyp":
        return ""
    return "it is a damaged HEIC or AVIF image, or needs `pip install pillow-heif`"


def _as_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and name == "PPM"):
        # As of a PNG: the upper 8 of 16 bits.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits; save it with 8 or 16")
    return image if image.mode == "RGB" else image.convert("RGB")
