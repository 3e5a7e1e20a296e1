"""Trains a classifier of texts: BERT (Devlin et al., 2018), from scratch or from a checkpoint.

From scratch, with at most 50,000 texts, linear models of n-grams teach it (Hinton et al., 2015).

    regard fit text train.tsv --validation dev.tsv

With the 6,920 sentences of SST-2, 3 minutes on two cores, accuracy on dev is 0.813 (0.813, 0.808
and 0.819 with seeds 0, 1 and 2); from a checkpoint of 6 layers, 384 wide, `--checkpoint DIR`, it is
0.895 in 5 minutes.

References:
    Devlin et al., "BERT", https://arxiv.org/abs/1810.04805;
    Hinton et al., "Distilling the Knowledge in a Neural Network", https://arxiv.org/abs/1503.02531
"""

from pathlib import Path
from typing import Any

from ..data.sources import name_of
from ..declarations import divided, takes
from ..runs.abstention import check_abstention
from ..runs.directories import default_output
from ..runs.session import session
from ..settings import FEWEST_TO_TELL
from .data import read_train_and_validation
from .encoding import check_long_texts
from .few_shot import check_few_shot
from .report import write_text_report
from .run import TextRun
from .settings import TextReading, TextSettings
from .training import refit, train_best


@takes(TextReading, TextSettings)
def fit_text(
    train: Any,
    validation: Any = 0.1,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> TextRun:
    """Trains a text classifier, from scratch or from a checkpoint, and writes a run directory.

    Trains with plain `model.fit`, and reports on the validation data. With a teacher the mean of
    the last steps' weights is kept, else the weights of the epoch with the best macro-F1. Of little
    data, what is held out is learned from as well, once it has been measured. The same data,
    settings and seed give the same weights, bit for bit, on the same machine.

    Args:
        train: The training data, as `read_labelled_texts` takes it: a file, several, a folder,
            `tfds:NAME[/CONFIG]`, a data frame, columns or rows; or what that has read.
        validation: The validation data likewise, or the share of the training data, in (0, 1), to
            hold out for it. Defaults to 0.1.
        output: The run directory to write. Defaults to `runs/` and the name of the data.
        overwrite: Whether to replace a run that stands there already. Defaults to False.
        **options: Attributes of `TextReading`, such as `text_column` and `label_column`, and of
            `regard.TextSettings`: `checkpoint`, `preset`, `epochs`, `learning_rate`, `seed`...

    Returns:
        The run, as `TextRun.load(output)` would open it.

    Raises:
        UserError: If the data, a setting, the checkpoint or the output is not usable.

    Example:
        >>> run = fit_text("reviews.csv", output="runs/reviews")
        >>> run.predict(["A lovely little hotel."])
    """
    reading, settings = divided(options, TextReading, TextSettings)
    settings = TextSettings(**settings).completed()
    output = Path(output or default_output(name_of(train)))
    asked = {"train": train, "validation": validation, **options}
    with session("text", output, settings, overwrite, asked) as current:
        train, validation = read_train_and_validation(train, validation, settings.seed, **reading)
        check_long_texts(train, settings)
        check_few_shot(train, settings)
        check_abstention(validation, settings)
        is_little = validation.is_held_out and len(validation) < FEWEST_TO_TELL
        if settings.abstain_below is not None:  # a promise is of the model that was measured
            is_little = False
        settings = settings.with_defaults(refit=is_little)
        training = train_best(current, train, validation, settings)
        if settings.refit:
            training = refit(current, train, validation, training)
        examined = (current, training, train, validation)
        run, history, *_ = training
        current.write(run, history, lambda directory: write_text_report(directory, *examined))
    return run
