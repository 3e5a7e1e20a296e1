"""Times the tokenizers in the graph beside each other: WordPiece, byte-level BPE and Unigram.

Each learns 16,000 pieces from the lines of a file, and then tokenizes them a batch at a time in one
graph, as a server does. The median of five rounds is told, in milliseconds a batch.

    python benchmarks/tokenizers_in_graph.py TEXTS [--batch-sizes 1,32,1024]
"""

import argparse
import time
from pathlib import Path
from statistics import median

import tensorflow as tf
from tokenizers import (
    ByteLevelBPETokenizer,
    Tokenizer,
    models,
    pre_tokenizers,
    processors,
    trainers,
)

from regard.recipes.tokenizers.pieces import SpecialTokens
from regard.recipes.tokenizers.pipeline import PipelineTokenizer
from regard.recipes.tokenizers.vocabulary import learn_vocabulary
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

SIZE, ROUNDS, BATCHES = 16_000, 5, 20
NAMES = SpecialTokens("<pad>", "<unk>", "<s>", "</s>", "<mask>")


def byte_pairs(lines: list[str]) -> Tokenizer:
    """Learns byte-level BPE."""
    learner = ByteLevelBPETokenizer()
    learner.train_from_iterator(lines, SIZE, special_tokens=[*NAMES.all], show_progress=False)
    return Tokenizer.from_str(learner.to_str())


def unigram(lines: list[str]) -> Tokenizer:
    """Learns Unigram."""
    backend = Tokenizer(models.Unigram())
    words = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    backend.pre_tokenizer = pre_tokenizers.Sequence(words)
    trainer = trainers.UnigramTrainer(
        vocab_size=SIZE, special_tokens=[*NAMES.all], unk_token=NAMES.unk, show_progress=False
    )
    backend.train_from_iterator(lines, trainer)
    return backend


def in_graph(backend: Tokenizer) -> PipelineTokenizer:
    """Makes the tokenizer in the graph of one of `tokenizers`."""
    ends = [(name, backend.token_to_id(name)) for name in (NAMES.sep, NAMES.cls)]
    backend.post_processor = processors.RobertaProcessing(*ends)
    return PipelineTokenizer(backend, NAMES, {})


def milliseconds(tokenizer, lines: list[str], batch_size: int) -> float:
    """Returns the time of a batch, the median of all rounds."""
    signature = [tf.TensorSpec([None], tf.string)]
    tokenize = tf.function(tokenizer.tokenize, input_signature=signature, autograph=False)
    starts = range(0, min(len(lines), BATCHES * batch_size), batch_size)
    batches = [tf.constant(lines[start : start + batch_size]) for start in starts]
    rounds = []
    for number in range(-1, ROUNDS):
        began = time.perf_counter()
        for batch in batches:
            tokenize(batch)
        if number >= 0:  # the first is for tracing
            rounds.append((time.perf_counter() - began) / len(batches))
    return 1000 * median(rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("--batch-sizes", default="1,32,1024")
    options = parser.parse_args()
    lines = [line for line in options.texts.read_text("utf-8").split("\n") if line]
    tokenizers = {
        "WordPiece": WordPieceTokenizer(learn_vocabulary(lines, SIZE)),
        "byte-level BPE": in_graph(byte_pairs(lines)),
        "Unigram": in_graph(unigram(lines)),
    }
    sizes = [int(size) for size in options.batch_sizes.split(",")]
    print("| tokenizer |", " | ".join(f"{size} texts, ms" for size in sizes), "|")
    print("|---|" + "---|" * len(sizes))
    for name, tokenizer in tokenizers.items():
        times = (f"{milliseconds(tokenizer, lines, size):.2f}" for size in sizes)
        print(f"| {name} |", " | ".join(times), "|", flush=True)


if __name__ == "__main__":
    main()
