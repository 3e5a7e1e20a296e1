"""Decides which characters have a piece of their own, and which are spelled in bytes.

A character that was seen once or twice teaches a model nothing, and a vocabulary has no room for
all of those of Chinese. Spelled in the bytes of UTF-8, each of which is a piece, any character can
be read and written, a new one too; the rare ones are what a model learns such spelling from.
"""

import logging
from collections import Counter
from collections.abc import Iterable

BYTE_PIECES = tuple(f"<0x{byte:02X}>" for byte in range(256))  # as SentencePiece names them
FEWEST = 3  # times that a character must be seen to have a piece
OWN_SHARE = 1 / 2  # of the pieces beside those of bytes, at most, for single characters
BYTE_SHARE = 1 / 4  # of all pieces, at most, for bytes, unless there is no other way

logger = logging.getLogger("regard")


def choose_spelled(texts: Iterable[str], vocabulary_size: int) -> set[str] | None:
    """Returns the characters to spell in bytes; None where bytes are to have no pieces.

    They have where a vocabulary is large enough for them, or has fewer pieces than there are
    characters. How much is spelled is logged.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    del counts[" "]
    total, num_bytes = counts.total(), len(BYTE_PIECES)
    has_room = num_bytes <= BYTE_SHARE * min(vocabulary_size, total)
    is_too_small = len(counts) + 3 > vocabulary_size >= 2 * num_bytes  # 3 special pieces
    if not (has_room or is_too_small):
        return None
    most = int(OWN_SHARE * (vocabulary_size - num_bytes))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rare = {each: n for rank, (each, n) in enumerate(ranked) if rank >= most or n < FEWEST}
    if rare:
        message = "%d of %d different characters are rare (%.3g%% of the text): spelled in bytes."
        logger.info(message, len(rare), len(counts), 100 * sum(rare.values()) / total)
    return set(rare)
