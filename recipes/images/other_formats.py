"""Reads images that the graph of a server does not: WebP, TIFF and others, with Pillow.

What is read so becomes a BMP, of which the graph makes the same pixels.
"""

import io
from functools import cache
from importlib.util import find_spec

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
MOST_PIXELS = 2**26  # as in the graph
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
    try:
        with Image.open(io.BytesIO(contents), formats=readable()) as image:
            name, (width, height) = image.format, image.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"it must have 1 to {MOST_PIXELS} pixels, not {height} x {width}")
            file = io.BytesIO()
            _as_rgb(ImageOps.exif_transpose(image), name).save(file, "BMP")
    except Image.UnidentifiedImageError as error:
        raise ValueError(_unread(contents)) from error
    except (OSError, SyntaxError, EOFError, RuntimeError, Image.DecompressionBombError) as error:
        raise ValueError(f"it is damaged or cut short ({error})") from error
    return name, file.getvalue()


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
    return image.convert("RGB")
