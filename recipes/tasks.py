"""Lists the tasks that models are trained for, as plain values, without TensorFlow.

A task is a folder beside this file with the files that the others have too (`recipe`, `settings`,
`data`, `sources`, `batches`, `run`, `serving`, `demo`), a model in `regard.models`, and a row in
`TASKS`.
"""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

logger = logging.getLogger("regard")


class Task(NamedTuple):
    """A task that models are trained for.

    Attributes:
        name: What `run.json` calls it.
        folder: Its folder.
        command: The command that trains, without `regard`.
        noun: What it trains, in words.
        help: What `--help` says of that command.
        fit: The function of `recipe.py` that trains.
        run: The class of `run.py`.
        settings: The class of `settings.py` that decides a training.
        sources: The class there that says what the data is.
        reading: The class there that says how data is read, to be evaluated on.
        questions: The class there that says how a table of what a run is asked is read.
        asking: The class there of the other options of `regard predict`; empty if there are none.
        answers: The columns of a run's answers in a table, with their types; none if there are
            none for it. Of a classifier, those of one label; see `problem_types` for others.
        lists: The function of its `folders.py` that lists files, where runs are asked about these
            by their names; empty where they are asked about texts.
        needs: What `run.json` must hold beside what all do, with the types.
        scores: The main figures of `metrics.json` by their names, and how each is shown.
        output: Where a run is written by default, in words.
        prefix: What the default name of a run begins with.
        is_served: Whether runs are evaluated on data, and exported.
        demo: The names that its demo writes into its directory; empty if it has none.
        demo_help: What `--help` says of the demo.
    """

    name: str
    folder: str
    command: str
    noun: str
    help: str
    fit: str
    run: str
    settings: str
    sources: str
    reading: str
    questions: str
    asking: str = ""
    answers: Mapping[str, type] = MappingProxyType({"label": str, "score": float})
    lists: str = ""
    needs: Mapping[str, type] = MappingProxyType({})
    scores: Mapping[str, str] = MappingProxyType(
        {
            "accuracy": "accuracy {:.4f}",
            "macro_f1": "macro-F1 {:.4f}",
            "micro_f1": "micro-F1 {:.4f}",
            "spearman": "Spearman {:.4f}",
            "pearson": "Pearson {:.4f}",
        }
    )
    output: str = "runs/ and the name of TRAIN"
    prefix: str = ""
    is_served: bool = True
    demo: frozenset[str] = frozenset()
    demo_help: str = ""

    def load(self, file: str, name: str) -> Any:
        """Imports what a file of the task's folder names."""
        return getattr(import_module(f".{self.folder}.{file}", __package__), name)

    @property
    def group(self) -> str:
        """Returns the first word of the command."""
        return self.command.partition(" ")[0]


_TEXT = Task(
    name="text",
    folder="text",
    command="fit text",
    noun="a text classifier",
    help="Train a text classifier on TRAIN: tables (CSV, JSON, Parquet, Excel and so on), a folder "
    "of them, or tfds:NAME[/CONFIG].",
    fit="fit_text",
    run="TextRun",
    settings="TextSettings",
    sources="TextSources",
    reading="TextReading",
    questions="TextQuestions",
    needs={
        "settings.max_sequence_length": int,
        "data.train.text_column": str | list,
        "data.train.label_column": str | list,
    },
    demo=frozenset(["reviews.csv", "held_out.csv", "run", "served"]),
    demo_help="Train, evaluate, predict and export on generated reviews, in English and Chinese.",
)
_PRETRAINING = Task(
    name="masked_lm",
    folder="pretraining",
    command="pretrain text",
    noun="a masked language model",
    help="""Pre-train a BERT on texts: .txt with a text a line, or tables with a column of texts.

    It learns to say which words are hidden. `regard fit text --checkpoint RUN` goes on from there.
    """,
    fit="pretrain_text",
    run="MaskedLMRun",
    settings="PretrainingSettings",
    sources="UnlabelledSources",
    reading="UnlabelledReading",
    questions="UnlabelledReading",
    answers=MappingProxyType({}),
    needs={"settings.max_sequence_length": int},
    scores={"perplexity": "perplexity {:.2f}", "accuracy": "accuracy {:.4f}"},
    output="runs/pretrained- and the name of the first FILE",
    prefix="pretrained-",
    is_served=False,
)
_TRANSLATION = Task(
    name="translation",
    folder="translation",
    command="fit translation",
    noun="a translator",
    help="""Train a translator on two text files, line beside line, or on a TABLE with two columns.

    \b
      regard fit translation --source train.en --target train.de
      regard fit translation pairs.tsv --source-column en --target-column de
    """,
    fit="fit_translation",
    run="TranslationRun",
    settings="TranslationSettings",
    sources="ParallelSources",
    reading="ParallelFiles",
    questions="SourceReading",
    asking="Decoding",
    answers=MappingProxyType({"translation": str, "score": float}),
    needs={"settings.max_sequence_length": int},
    scores={"bleu": "BLEU {:.2f}", "chrf": "chrF {:.2f}"},
    output="runs/ and the name of the data",
    demo=frozenset(
        ["train.en", "train.zh", "held_out.en", "held_out.zh", "alignment.png", "run", "served"]
    ),
    demo_help="Learn to write English dates and numbers in Chinese; show what the model looks at.",
)
_IMAGES = Task(
    name="images",
    folder="images",
    command="fit images",
    noun="an image classifier",
    help="""Train an image classifier on TRAIN: a folder of images for each class, or each split.

    \b
      regard fit images flowers                 flowers/<class>/*
      regard fit images cifar10                 cifar10/{train,validation,test}/<class>/*
      regard fit images photos.csv              a table of paths and labels
      regard fit images tfds:NAME
    """,
    fit="fit_images",
    run="ImageRun",
    settings="ImageSettings",
    sources="ImageSources",
    reading="ImageReading",
    questions="ImageQuestions",
    asking="ImageInputs",
    lists="list_images",
    demo=frozenset(["digits", "run", "served"]),
    demo_help="Learn handwritten digits from a folder of files, and export what reads them.",
)
_TOKENS = Task(
    name="tokens",
    folder="tokens",
    command="fit tokens",
    noun="a token classifier",
    help="""Train a classifier of tokens on TRAIN: texts with marked names and the like.

    \b
      regard fit tokens train.conll             a word and its tag a line, as in CoNLL-2003
      regard fit tokens notes.jsonl             text and spans, as Doccano, Prodigy and spaCy write
      regard fit tokens data.parquet            tokens and ner_tags, as on the Hugging Face hub
    """,
    fit="fit_tokens",
    run="TokenRun",
    settings="TokenSettings",
    sources="TokenSources",
    reading="TokenReading",
    questions="TokenQuestions",
    answers=MappingProxyType({"entities": dict}),
    needs={"settings.max_sequence_length": int, "settings.long_texts": str, "class_names": list},
    scores={"f1": "F1 of entities {:.4f}"},
    demo=frozenset(["letters.conll", "held_out.conll", "run", "served"]),
    demo_help="Learn to find names, places, dates and amounts in letters, with unseen names.",
)
TASKS = {task.name: task for task in (_TEXT, _PRETRAINING, _TRANSLATION, _IMAGES, _TOKENS)}


def find(name: str) -> Any:
    """Returns what a task's row names: the function that trains, its settings, or its run."""
    for task in TASKS.values():
        homes = {task.fit: "recipe", task.settings: "settings", task.run: "run"}
        if name in homes:
            if name == task.fit and "tensorflow" not in sys.modules:
                logger.info("Loading TensorFlow, which takes some seconds.")
            return task.load(homes[name], name)
    raise AttributeError(f"There is no task with {name!r}.")
