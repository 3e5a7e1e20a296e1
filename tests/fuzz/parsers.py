"""Lists what is read from others: sound files, what reads them, and how it refuses others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .sound_checkpoints import (
    OTHER_PIECES,
    bert_checkpoint,
    checkpoint_errors,
    marian_checkpoint,
    other_pieces,
    read_checkpoint,
    read_other_pieces,
    read_preprocessing,
    read_sentence_pieces,
    read_weights,
    read_word_pieces,
    sentence_pieces,
    vit_checkpoint,
    weights,
    word_pieces,
)
from .sound_examples import (
    archives,
    entities,
    images_in_tables,
    labels,
    pandas_json,
    read_entities,
    read_images_in_tables,
    read_labels,
    read_segments,
    segments,
)
from .sound_families import (
    configs,
    image_families,
    multilingual,
    pieces_alone,
    presets,
    read_multilingual,
    read_pieces_alone,
    read_preset,
    read_text_folder,
    text_families,
    text_folders,
)
from .sound_pictures import (
    decode_picture,
    look_at_picture,
    other_pictures,
    pictures,
    read_picture,
    refused_in_graph,
)
from .sound_requests import (
    ask,
    read_run_json,
    read_tf_config,
    read_yaml,
    requests,
    run_json,
    tf_config,
    yaml_files,
)
from .sound_tables import (
    arrow_files,
    compressed,
    delimited,
    json_files,
    lines,
    marked_texts,
    read_lines,
    read_table,
    read_word_vectors,
    sheets,
    word_vectors,
)


class Parser(NamedTuple):
    """What reads files, and the ways in which it may refuse one.

    Attributes:
        files: Makes sound files by their names, all in one folder.
        read: Reads the file of a path, which is one of these with changes.
        refusals: Returns the exceptions that it is to raise for a damaged one.
        changed: Names of the files to change; all, if empty.
        has_tensorflow: Whether it imports TensorFlow, which takes seconds, and much memory.
    """

    files: Callable[[], dict[str, bytes]]
    read: Callable[[Path], Any]
    refusals: Callable[[], tuple[type[Exception], ...]]
    changed: tuple[str, ...] = ()
    has_tensorflow: bool = False


def user_errors():
    from regard.recipes.errors import UserError

    return (UserError,)


def all_errors():
    return (*user_errors(), *checkpoint_errors())


_WORDS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
PARSERS = {
    "csv": Parser(delimited, read_table, user_errors),
    "json": Parser(json_files, read_table, user_errors),
    "arrow": Parser(arrow_files, read_table, user_errors),
    "xlsx": Parser(sheets, read_table, user_errors),
    "tmx, fastText": Parser(marked_texts, read_table, user_errors),
    "compressed": Parser(compressed, read_table, user_errors),
    "archives": Parser(archives, read_table, user_errors),
    "JSON of pandas": Parser(pandas_json, read_table, user_errors),
    "sgm": Parser(segments, read_segments, user_errors),
    "images in tables": Parser(images_in_tables, read_images_in_tables, user_errors),
    "entities": Parser(entities, read_entities, user_errors),
    "labels": Parser(labels, read_labels, user_errors),
    "folders of texts": Parser(text_folders, read_text_folder, user_errors),
    "lines": Parser(lines, read_lines, user_errors),
    "word vectors": Parser(word_vectors, read_word_vectors, user_errors),
    "yaml": Parser(yaml_files, read_yaml, user_errors),
    "TF_CONFIG": Parser(tf_config, read_tf_config, user_errors),
    "run.json": Parser(run_json, read_run_json, user_errors),
    "requests": Parser(requests, ask, tuple),
    "other images": Parser(other_pictures, read_picture, lambda: (ValueError,)),
    "safetensors": Parser(weights, read_weights, checkpoint_errors),
    "BERT": Parser(bert_checkpoint, read_checkpoint, checkpoint_errors, has_tensorflow=True),
    "ViT": Parser(
        vit_checkpoint, read_checkpoint, checkpoint_errors, ("config.json",), has_tensorflow=True
    ),
    "Marian": Parser(marian_checkpoint, read_checkpoint, checkpoint_errors, has_tensorflow=True),
    "families of texts": Parser(
        text_families, read_checkpoint, checkpoint_errors, configs("families"), True
    ),
    "families of images": Parser(
        image_families, read_checkpoint, checkpoint_errors, configs("image_families"), True
    ),
    "KerasHub": Parser(presets, read_preset, all_errors, has_tensorflow=True),
    "many languages": Parser(multilingual, read_multilingual, user_errors, has_tensorflow=True),
    "pieces alone": Parser(pieces_alone, read_pieces_alone, user_errors, has_tensorflow=True),
    "preprocessing": Parser(
        vit_checkpoint, read_preprocessing, user_errors, ("preprocessor_config.json",), True
    ),
    "WordPiece": Parser(
        word_pieces, read_word_pieces, user_errors, (*_WORDS, "added_tokens.json"), True
    ),
    "byte-level BPE and Unigram": Parser(
        other_pieces, read_other_pieces, user_errors, OTHER_PIECES, True
    ),
    "SentencePiece": Parser(sentence_pieces, read_sentence_pieces, user_errors, (), True),
    "images in the graph": Parser(pictures, decode_picture, refused_in_graph, (), True),
    "images looked at": Parser(
        lambda: pictures() | other_pictures(), look_at_picture, user_errors, (), True
    ),
}
