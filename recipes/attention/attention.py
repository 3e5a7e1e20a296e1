"""Shows what a model attends to: as arrays, in a notebook, on a page and as a picture."""

import html
from pathlib import Path

from ...models import disk
from ..errors import UserError
from ..runs.directories import file_written_aside
from .arrays import AttentionArrays
from .page import PAGE_BYTES, make_page

SUFFIXES = (".html", ".png")
FRAME_HEIGHT = 900  # pixels, of the page within a notebook


class Attention(AttentionArrays):
    """What a model attends to while it answers; a notebook shows it as a page.

    Example:
        >>> attention = run.attention("The animal didn't cross the street because it was tired.")
        >>> attention.weights.shape  # layers, heads, tokens, tokens
        (2, 4, 16, 16)
        >>> attention.save("attention.html")
    """

    def __repr__(self) -> str:
        num_layers, num_heads, _, length = self.weights.shape
        sizes = f"{num_layers} layers x {num_heads} heads x {length} tokens"
        return f"<Attention of {self.subject}: {self.title!r:.50}; {sizes}>"

    def to_html(self, size: int = PAGE_BYTES) -> str:
        """Returns a page that needs no network; its weights are rounded to what fits in `size`.

        Args:
            size: About the most bytes of the page. Defaults to 3 MB.
        """
        return make_page(self, size)

    def _repr_html_(self) -> str:
        # A frame of its own: the page's style and keys stay within, and its policy holds.
        page = html.escape(self.to_html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts" title="Attention" '
            f'style="width: 100%; height: {FRAME_HEIGHT}px; border: 0"></iframe>'
        )

    def save(self, file: str | Path, overwrite: bool = False) -> None:
        """Writes a page (.html) or a picture (.png), whole or not at all.

        Raises:
            UserError: If the name ends otherwise, the file exists, or it cannot be written.
        """
        suffix = suffix_of(file)
        with file_written_aside(Path(file), overwrite) as partial:
            if suffix == ".png":
                from .picture import draw_picture  # Matplotlib takes a while to import

                draw_picture(partial, self)
            else:
                disk.write_bytes(partial, self.to_html().encode("utf-8", "replace"))


def suffix_of(file: str | Path) -> str:
    """Returns the suffix of a file to write, in lower case.

    Raises:
        UserError: If there is no way to write such a file.
    """
    suffix = Path(file).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"Attention is written to .html or .png. Received: {file}")
    return suffix
