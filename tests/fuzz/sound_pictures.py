"""Makes sound pictures, and reads them."""


def pictures():
    from image_files import encode, picture, with_orientation

    pixels = picture(9, 13)
    grid = picture(16, 16)
    return {
        "a.jpg": with_orientation(pixels, 6),
        "b.png": encode(pixels),
        "c.png": encode(pixels, mode="P"),
        "d.gif": encode(pixels, "GIF", "P"),
        "e.bmp": encode(pixels, "BMP"),
        "f.bmp": encode(pixels, "BMP", "P"),
        "g.jpg": encode(grid, "JPEG", "CMYK"),
        "h.png": encode(pixels, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + bytes(14)),
    }


def other_pictures():
    from image_files import encode, picture

    pixels = picture(9, 13)
    return {
        "a.webp": encode(pixels, "WEBP"),
        "b.tiff": encode(pixels, "TIFF"),
        "c.tiff": encode(pixels, "TIFF", compression="tiff_lzw"),
        "d.ppm": encode(pixels, "PPM"),
        "e.jp2": encode(pixels, "JPEG2000"),
        "f.avif": encode(pixels, "AVIF"),
    }


def read_picture(path):
    from regard.recipes.images.other_formats import as_bmp

    as_bmp(path.read_bytes())


def decode_picture(path):
    from regard.recipes.images.decoding import decode_image
    from regard.recipes.images.preprocessing import ImagePreprocessing

    image = decode_image(path.read_bytes())
    ImagePreprocessing.for_shape(4, 4).fit(image)


def refused_in_graph():
    import tensorflow as tf

    return (tf.errors.InvalidArgumentError,)


def look_at_picture(path):
    from regard.recipes.images.checks import read_images
    from regard.recipes.images.data import LabelledImages

    read_images(LabelledImages("images", [str(path)], [""], []), skip_bad_files=False)
