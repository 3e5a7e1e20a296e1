"""Images of a camera that was held sideways stand upright, wherever the file says so."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from image_files import encode, picture, png_chunk, with_orientation
from regard.recipes.images.decoding import decode_image
from regard.recipes.images.other_formats import as_bmp

PIXELS = picture(40, 60)


def tiff(orientation, order=">", offset=8, kind=3, before=0):
    """A TIFF file with a directory of that orientation at an offset, after so many other tags."""
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HI", 42, offset)
    others = [struct.pack(f"{order}HHII", 0x100 + n, 4, 1, 7) for n in range(before)]
    form = f"{order}HHIHH" if kind == 3 else f"{order}HHII"
    value = struct.pack(form, 0x112, kind, 1, orientation, *([0] if kind == 3 else []))
    entries = [*others, value]
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return head + bytes(offset - 8) + directory


def in_jpeg(exif, *others):
    """A JPEG with EXIF behind segments of so many bytes."""
    segments = [b"\xff\xe2" + struct.pack(">H", size + 2) + bytes(size) for size in others]
    exif = b"Exif\0\0" + exif
    segments.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    plain = encode(PIXELS, "JPEG", quality=100)
    return plain[:2] + b"".join(segments) + plain[2:]


def in_png(exif, after=False, text=0):
    """A PNG with EXIF before or after its pixels, and so many bytes of text at its beginning."""
    plain = encode(PIXELS)
    chunk, note = png_chunk(b"eXIf", exif), png_chunk(b"tEXt", b"a\0" + b"b" * text)
    if after:
        return plain[:33] + note + plain[33:-12] + chunk + plain[-12:]
    return plain[:33] + note + chunk + plain[33:]


def second_directory(orientation):
    """A TIFF file that says only of its thumbnail how it lies, in a directory of its own."""
    size = struct.pack(">HHII", 0x100, 4, 1, 7)
    first = struct.pack(">H", 1) + size + struct.pack(">I", 26)
    return tiff(1)[:8] + first + tiff(orientation)[8:]


FILES = {
    "after a long segment": in_jpeg(tiff(6), 60_000),
    "after several": in_jpeg(tiff(8, "<"), *[65_000] * 5),
    "far in its own segment": in_jpeg(tiff(6, offset=5000)),
    "after many tags": in_jpeg(tiff(3, "<", before=100)),
    "of 32 bits": in_jpeg(tiff(6, kind=4)),
    "of 32 bits, the other order": in_jpeg(tiff(6, "<", kind=4)),
    "of the thumbnail alone": in_jpeg(second_directory(6)),
    "out of range": in_jpeg(tiff(9)),
    "beyond the end": in_jpeg(tiff(6)[:4] + b"\xff" * 4 + tiff(6)[8:]),
    "cut short": in_jpeg(tiff(6)[:12]),
    "png": in_png(tiff(6)),
    "png, the other order": in_png(tiff(5, "<")),
    "png, upright": in_png(tiff(1)),
    "png, as in a jpeg": in_png(b"Exif\0\0" + tiff(6)),
    "png, after a long text": in_png(tiff(8), text=100_000),
    "png, after its pixels": in_png(tiff(7), after=True, text=600_000),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", FILES)
def test_wherever_exif_lies_a_photo_stands_upright(name):
    image = Image.open(io.BytesIO(FILES[name]))
    image.load()  # a PNG's chunks after its pixels, too
    expected = np.array(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(decode_image(FILES[name]), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_png(orientation):
    expected = decode_image(with_orientation(PIXELS, orientation)).shape
    turned = decode_image(in_png(tiff(orientation)))
    assert turned.shape == expected
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(in_png(tiff(orientation)))))
    np.testing.assert_array_equal(turned, np.array(upright))


def test_the_graph_stays_small():
    """Each iterator of a dataset optimizes it anew, which takes 0.3 ms for an operation."""
    graph = decode_image.get_concrete_function().graph.as_graph_def()
    nodes = [graph.node, *(function.node_def for function in graph.library.function)]
    assert sum(map(len, nodes)) < 800
    loops = [node.op for each in nodes for node in each if node.op in ("While", "StatelessWhile")]
    assert len(loops) == 2  # over the parts of a JPEG, and of a GIF


def xmp(said):
    return (
        f'<x:xmpmeta><rdf:Description xmlns:tiff="t" {said}</rdf:Description></x:xmpmeta>'.encode()
    )


ATTRIBUTE = xmp('tiff:Orientation="6">')
WITH_XMP = {
    "attribute": (ATTRIBUTE, None),
    "element": (xmp("><tiff:Orientation>8</tiff:Orientation>"), None),
    "upright": (xmp('tiff:Orientation="1">'), None),
    "none": (xmp(">"), None),
    "in single quotes": (xmp("tiff:Orientation='6'>"), None),
    "beside exif": (ATTRIBUTE, tiff(3)),
    "beside upright exif": (ATTRIBUTE, tiff(1)),
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("name", WITH_XMP)
def test_xmp_turns_where_exif_does_not(name, format):
    tags, exif = WITH_XMP[name]
    options = {} if exif is None else {"exif": b"Exif\0\0" + exif}
    if format == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", tags.decode())
        contents = encode(PIXELS, "PNG", pnginfo=info, **options)
    else:
        contents = encode(PIXELS, format, xmp=tags, **options)
    expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(contents))))
    decodable = as_bmp(contents)[1] if format == "WEBP" else contents
    np.testing.assert_array_equal(decode_image(decodable), expected)
