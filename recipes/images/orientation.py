"""Turns an image upright in a graph, as its EXIF says, else its XMP: in JPEG and in PNG.

EXIF is a small TIFF file. Its first directory may have the orientation: 1 upright, 3 upside down,
6 and 8 on a side, the others mirrored. Of XMP, which is XML, `tiff:Orientation` alone is read, and
that where EXIF has no orientation, as Pillow's `exif_transpose` does.

References:
    JEITA CP-3451, "Exif", sections 4.5.2 (where it lies in a JPEG) and 4.6 (the orientation);
    "PNG Specification", third edition, section 11.3.4.5 (its chunk);
    Adobe, "XMP Specification Part 3", sections 1.1.3 (JPEG) and 1.1.5 (PNG)
"""

import tensorflow as tf

IN_JPEG, IN_PNG = b"Exif\0\0", b"eXIf"  # what stands before the TIFF file
SEARCHED = 2**19  # bytes from the start: eight of a JPEG's longest segments
AFTER_PIXELS = 2**16  # bytes from the end: a PNG may have its EXIF there

_BIG_ENDIAN = 0x4D4D002A  # "MM", and 42
_MOST_ENTRIES = 1000  # of a directory
# In entries of 12 bytes: tag 0x0112, of type 3 or 4 (16 or 32 bits), once; in either order of
# bytes.
_ORIENTATION = (
    r"(?s)^(?:\C{12})*?(?:\x12\x01[\x03\x04]\x00\x01\x00\x00\x00([\x01-\x08])"
    r"|\x01\x12\x00(?:\x03\x00\x00\x00\x01|\x04\x00\x00\x00\x01\x00\x00)\x00([\x01-\x08]))\C*$"
)


def jpeg_exif(contents: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF in the bytes of a JPEG, with what follows; nothing if it has none."""
    return _after(IN_JPEG, tf.strings.substr(contents, 0, SEARCHED))


def png_exif(contents: tf.Tensor) -> tf.Tensor:
    """Returns the EXIF in the bytes of a PNG, with what follows; nothing if it has none."""
    end = tf.maximum(tf.strings.length(contents) - AFTER_PIXELS, 0)
    parts = (0, SEARCHED), (end, AFTER_PIXELS)
    searched = tf.strings.join([tf.strings.substr(contents, *part) for part in parts])
    # Some programs write what belongs in a JPEG before it.
    return tf.strings.regex_replace(_after(IN_PNG, searched), r"^Exif\x00\x00", "", False)


def xmp_orientation(contents: tf.Tensor) -> tf.Tensor:
    """Returns the orientation that XMP tells, 1 to 8, int32; 1 where there is none.

    References:
        Pillow, `Image.getexif`, for the two ways in which it is written
    """
    xmp = _after(b"tiff:Orientation", tf.strings.substr(contents, 0, SEARCHED))
    said = tf.strings.substr(xmp, 0, 3)
    found = tf.strings.regex_replace(said, r'(?s)^(?:="|>)([1-8])\C*$', r"\1")
    value = tf.cast(tf.io.decode_raw(found, tf.uint8, fixed_length=1)[0], tf.int32) - ord("0")
    return tf.where(tf.strings.length(found) == 1, value, 1)


def _after(mark, searched):
    # What `tf.strings.split` is made of, without its ragged tensors.
    found = tf.raw_ops.StringSplitV2(input=[searched], sep=mark, maxsplit=1).values
    return tf.strings.reduce_join(found[1:])


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns pixels, (H, W, 3), as an orientation says."""
    return tf.cond(orientation == 1, lambda: image, lambda: _turned(image, orientation))


def orientation_of(exif: tf.Tensor) -> tf.Tensor:
    """Returns the orientation that EXIF tells, 1 to 8, int32; 0 where there is none."""
    return tf.cond(tf.strings.length(exif) > 0, lambda: _orientation(exif), lambda: 0)


def _orientation(exif):
    """Returns the orientation in a TIFF file, 1 to 8; 0 if it has none."""
    first = _either_order(exif, tf.int32, 8)  # what it is, and where its first directory begins
    is_big = first[1, 0] == _BIG_ENDIAN
    start = tf.where(is_big, first[1, 1], first[0, 1])
    start = tf.clip_by_value(start, 0, tf.strings.length(exif))
    directory = tf.strings.substr(exif, start, 2 + 12 * _MOST_ENTRIES)
    counts = tf.cast(_either_order(directory, tf.uint16, 2), tf.int32)
    count = tf.where(is_big, counts[1, 0], counts[0, 0])
    entries = tf.strings.substr(tf.strings.join([directory, b"\0\0"]), 2, 12 * count)
    found = tf.strings.regex_replace(entries, _ORIENTATION, r"\1\2")
    value = tf.cast(tf.io.decode_raw(found, tf.uint8, fixed_length=1)[0], tf.int32)
    return tf.where(tf.strings.length(found) == 1, value, 0)


def _either_order(contents, dtype, length):
    """Reads numbers off the first bytes, in both orders of bytes: (2, N), the big-endian second."""
    both = [tf.io.decode_raw(contents, dtype, little, length) for little in (True, False)]
    return tf.stack(both)


def _turned(image, orientation):
    """Undoes an orientation other than 1."""
    on_a_side = tf.cast(orientation >= 5, tf.int32)
    turned = tf.transpose(image, tf.gather([[0, 1, 2], [1, 0, 2]], on_a_side))
    rows, columns = [3, 4, 7, 8], [2, 3, 6, 7]  # where they stand backwards
    backwards = [tf.reduce_any(orientation == those) for those in (rows, columns)]
    return tf.reverse(turned, tf.where(backwards)[:, 0])
