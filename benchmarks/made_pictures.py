"""Draws labelled pictures that look like photographs: signs, and landscapes.

- Signs: ten shapes in any colour, turned, sheared and of several sizes, before blurred, cluttered
  backgrounds, in uneven light, with noise; 100 x 100 pixels. No pixel by itself says anything.
- Landscapes: sea, forest and desert, which differ in colour and in grain, of several sizes, with
  something in front of half of them. A linear model of pixels is hard to beat.
"""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 100  # pixels, of a sign


def polygon(num_corners, inner=None, phase=0.0):
    """Returns the corners of a regular polygon, or of a star with an inner radius."""
    count = num_corners * (2 if inner else 1)
    angles = phase + 2 * np.pi * np.arange(count) / count
    radii = np.where(np.arange(count) % 2, inner or 1, 1)[:, None]
    return radii * np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def box(left, top, right, bottom):
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


# What is filled, then what is cut out of it, in units of the sign's radius.
SIGNS = {
    "triangle": ([polygon(3)], []),
    "square": ([polygon(4, phase=math.pi / 4)], []),
    "pentagon": ([polygon(5)], []),
    "circle": ([polygon(40)], []),
    "star": ([polygon(5, inner=0.4)], []),
    "cross": ([box(-0.3, -1, 0.3, 1), box(-1, -0.3, 1, 0.3)], []),
    "ring": ([polygon(40)], [0.55 * polygon(40)]),
    "arrow": ([np.array([(0, -1), (0.8, 0), (-0.8, 0)]), box(-0.35, 0, 0.35, 1)], []),
    "bars": ([box(-1, y, 1, y + 0.5) for y in (-1, -0.25, 0.5)], []),
    "moon": ([polygon(40)], [0.85 * polygon(40) + (0.5, 0)]),
}
LANDSCAPES = {  # colour, and the fineness of the grain
    "desert": ((0.75, 0.6, 0.38), 4),
    "forest": ((0.33, 0.45, 0.25), 40),
    "sea": ((0.3, 0.5, 0.6), 12),
}


def write_pictures(folder: Path, draw, names, count: int, seed: int) -> None:
    """Writes `folder/<class>/*.jpg`, `count` in all, as many of each class."""
    random = np.random.default_rng(seed)
    for number in range(count):
        name = names[number % len(names)]
        path = folder / name / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(draw(name, random), 0, 1) * 255
        Image.fromarray(pixels.astype("uint8")).save(path, quality=90)


def draw_sign(name, random) -> np.ndarray:
    """Draws a sign: pixels from 0 to 1, (SIDE, SIDE, 3)."""
    large = 3 * SIDE  # drawn larger, so that edges are smooth
    gray = random.uniform(0.12, 0.88)
    base = np.clip(gray + random.uniform(-0.14, 0.14, 3), 0, 1)
    cells = random.choice([2, 3, 5, 8])
    blotches = base + random.normal(0, random.uniform(0.02, 0.18), (cells, cells, 1))
    picture = to_image(blotches + random.normal(0, 0.04, (cells, cells, 3)))
    picture = picture.resize((large, large), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(random.integers(4)):
        left, top = random.integers(0, large, 2)
        width, height = random.integers(large // 10, large // 2, 2)
        colour = to_colour(base + random.uniform(-0.16, 0.16, 3))
        pen.rectangle([left, top, left + width, top + height], fill=colour)
    colour = random.random(3)
    while abs(colour.mean() - gray) < 0.27:  # else nobody could see it
        colour = random.random(3)
    picture.paste(to_colour(colour), mask=sign_mask(name, large, random))
    picture = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    if random.random() < 0.4:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5)))
    light = np.linspace(*random.uniform(0.6, 1.2, 2), SIDE)[:, None, None]
    light = light if random.random() < 0.5 else light.swapaxes(0, 1)
    pixels = np.asarray(picture) / 255 * random.uniform(0.5, 1.3) * light
    return pixels + random.normal(0, random.uniform(0, 0.03), pixels.shape)


def sign_mask(name, side, random) -> Image.Image:
    """Draws where a sign is: turned, sheared, of any size."""
    turn = math.radians(random.uniform(-25, 25))
    rotation = np.array([(math.cos(turn), -math.sin(turn)), (math.sin(turn), math.cos(turn))])
    shear = np.array([(random.uniform(0.8, 1.1), random.uniform(-0.2, 0.2)), (0, 1)])
    shear[1, 1] = random.uniform(0.8, 1.1)
    centre = side * random.uniform(0.42, 0.58, 2)
    transform = side * random.uniform(0.26, 0.42) * (rotation @ shear)
    mask = Image.new("L", (side, side))
    pen = ImageDraw.Draw(mask)
    for shapes, value in zip(SIGNS[name], (255, 0), strict=True):
        for corners in shapes:
            pen.polygon([tuple(point) for point in corners @ transform.T + centre], fill=value)
    return mask


def draw_landscape(name, random) -> np.ndarray:
    """Draws a landscape: pixels from 0 to 1, (H, W, 3)."""
    colour, grain = LANDSCAPES[name]
    width, height = random.integers(120, 260), random.integers(100, 200)
    pixels = np.empty((height, width, 3))
    pixels[:] = np.array(colour) + random.normal(0, 0.08, 3)
    pixels += 0.1 * field(grain, width, height, random)
    horizon = int(height * random.uniform(0.1, 0.6))
    sky = np.array((0.6, 0.7, 0.85)) + random.normal(0, 0.12)
    pixels[:horizon] = sky + 0.05 * field(5, width, height, random)[:horizon]
    if random.random() < 0.5:
        top, left = random.integers(height), random.integers(width)
        pixels[top : top + height // 3, left : left + width // 4] = random.random(3)
    return pixels * random.uniform(0.5, 1.25) + random.normal(0, 0.03, pixels.shape)


def field(cells, width, height, random) -> np.ndarray:
    """Returns smooth noise: (H, W, 1)."""
    noise = Image.fromarray(random.normal(size=(cells, cells)).astype("float32"))
    return np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))[..., None]


def to_image(pixels) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype("uint8"))


def to_colour(colour) -> tuple[int, ...]:
    return tuple(int(each) for each in np.clip(colour, 0, 1) * 255)
