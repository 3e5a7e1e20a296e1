"""Images for tests, encoded by Pillow in every way that people have them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 5, 7


def picture(height=HEIGHT, width=WIDTH, seed=0):
    """A smooth picture, so that what JPEG loses is little: uint8, (H, W, 3)."""
    corners = np.random.default_rng(seed).integers(0, 256, (2, 2, 3)).astype("uint8")
    return np.array(Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR))


def encode(pixels, format="PNG", mode="RGB", **options):
    """The bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, format, **options)
    return file.getvalue()


def with_orientation(pixels, orientation, big_endian=False):
    """A JPEG whose EXIF says how the camera was held."""
    tag = struct.pack(">HHIHH" if big_endian else "<HHIHH", 0x0112, 3, 1, orientation, 0)
    head = b"MM\x00*\x00\x00\x00\x08\x00\x01" if big_endian else b"II*\x00\x08\x00\x00\x00\x01\x00"
    return encode(pixels, "JPEG", quality=100, exif=b"Exif\x00\x00" + head + tag + bytes(4))


def png_chunk(kind, data):
    """A chunk of a PNG."""
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def huge_png(side=20_000):
    """A small file whose header asks for a gigabyte."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + png_chunk(b"IEND", b"")


def write_folder(folder, counts, size=(HEIGHT, WIDTH)):
    """Writes `folder/<class>/<number>.png`: classes differ in colour."""
    for place, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = picture(*size, seed=number) // 4
            pixels[..., place % 3] += 150
            (folder / name / f"{number}.png").write_bytes(encode(pixels))
    return folder
