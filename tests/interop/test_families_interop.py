"""Text encoders of all families beside `transformers`, live: in, out, and through a run."""

import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import regard
from bert_outputs import assert_close
from family_outputs import opened, outputs_of
from regard.models.checkpoints import save_checkpoint
from regard.recipes.text.data import LabelledTexts
from regard.recipes.text.reviews import generate_reviews
from regard.recipes.tokenizers.vocabulary import learn_vocabulary
from tiers import only_first

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
families = import_module("fixtures.make_text_family_fixtures")

CHANGES = {
    "bert": {"hidden_act": "gelu_new"},
    "distilbert": {"activation": "relu", "sinusoidal_pos_embds": True},
    "roberta": {"pad_token_id": 0, "type_vocab_size": 2},
    "xlm-roberta": {"hidden_act": "gelu_new", "layer_norm_eps": 1e-5},
    "camembert": {"pad_token_id": 1},
    "electra": {"embedding_size": 21},
    "albert": {"embedding_size": 21, "num_hidden_groups": 2, "hidden_act": "gelu"},
    "mpnet": {"layer_norm_eps": 1e-5, "max_position_embeddings": 302},
    "deberta-v2": {
        **families.OTHERS["deberta-v2_convolution"],
        "max_relative_positions": -1,
        "max_position_embeddings": 302,
        "position_buckets": 32,
        "pos_att_type": ["c2p"],
    },
    "modernbert": {
        **families.OTHERS["modernbert_mean"],
        "max_position_embeddings": 302,
        "local_attention": 32,
        "hidden_activation": "relu",
    },
}
CASES = [("small", {}), ("deep", {}), ("deep", "changes")]


def longest(config):
    """The longest sequence in tokens that a model takes."""
    from_padding = config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet")
    return config.max_position_embeddings - (config.pad_token_id + 1) * from_padding


@pytest.mark.parametrize(("size", "changes"), CASES, ids=["small", "deep", "changed"])
@pytest.mark.parametrize("family", families.FAMILIES)
def test_in_and_out(family, size, changes, tmp_path):
    changes = CHANGES[family] if changes else {}
    theirs = families.make_model(family, size, seed=len(family), **changes)
    theirs.save_pretrained(tmp_path)
    length = longest(theirs.config)
    inputs = families.make_inputs(theirs.config, length, (length, 5, 2))
    expected = families.expected_outputs(theirs, inputs)
    checkpoint, model = opened(tmp_path)
    assert_close(outputs_of(model, inputs), expected)

    again = tmp_path / "again"
    again.mkdir()
    save_checkpoint(model, again, checkpoint.class_names)
    before, after = (load_file(d / "model.safetensors") for d in (tmp_path, again))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    auto = transformers.AutoModelForSequenceClassification
    reopened, report = auto.from_pretrained(again, output_loading_info=True)
    assert type(reopened) is type(theirs)
    assert not any(report.values()), report
    for name, array in families.expected_outputs(reopened.eval(), inputs).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.parametrize("head", ["Model", "ForTokenClassification", "ForQuestionAnswering",
                                  "ForMaskedLM", "ForMultipleChoice"])  # fmt: skip
@pytest.mark.parametrize("family", families.FAMILIES)
def test_the_encoder_under_any_head(family, head, tmp_path, caplog):
    theirs = families.make_model(family, "deep", head, num_labels=2)
    theirs.save_pretrained(tmp_path)
    _, model = opened(tmp_path)
    inputs = families.make_inputs(theirs.config)
    encoder = theirs if head == "Model" else theirs.base_model
    expected = families.expected_outputs(encoder, inputs)
    assert_close(outputs_of(model, inputs, has_logits=False), expected)


def reviews(num_reviews):
    texts, labels = generate_reviews(num_reviews, 0, held_out=False)
    return LabelledTexts("reviews.csv", texts, labels, "review", "sentiment")


TOKENIZERS = Path(__file__).parents[1] / "fixtures" / "tokenizers"
RUNS = ("roberta", "distilbert", "electra", "albert", "xlm-roberta", "camembert", "mpnet",
        "deberta-v2", "modernbert")  # fmt: skip
HEADS = {"distilbert": "ForMaskedLM", "electra": "ForPreTraining"}


def write_tokenizer(family, directory, data):
    """Writes a tokenizer that a family has, and returns the number of its pieces, and of padding.

    DistilBERT and ELECTRA have BERT's word pieces.
    """
    if family in HEADS:
        pieces = learn_vocabulary(data.texts, 200)
        (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
        return len(pieces), 0
    folder = TOKENIZERS / (family if family == "mpnet" else f"{family}-json")
    shutil.copytree(folder, directory, dirs_exist_ok=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    return len(tokenizer), tokenizer.pad_token_id


@pytest.mark.parametrize(
    "family",
    only_first([*RUNS]),
)
def test_a_run_is_written_as_the_family_it_began_from(family, tmp_path):
    """The pipeline says what the run says."""
    start, data = tmp_path / "start", reviews(60)
    start.mkdir()
    size, pad_id = write_tokenizer(family, start, data)
    sizes = {"vocab_size": size, "max_position_embeddings": 130, "pad_token_id": pad_id}
    head = HEADS.get(family, "ForMaskedLM")
    families.make_model(family, "deep", head, **sizes).save_pretrained(start)
    options = {"epochs": 1, "refit": False, "batch_tokens": 2048}
    run = regard.fit_text(data, checkpoint=str(start), output=tmp_path / "run", **options)
    pipeline = transformers.pipeline(
        "text-classification", str(tmp_path / "run" / "model"), top_k=None
    )
    assert pipeline.model.config.model_type == family
    texts = ["The staff were not friendly at all.", "a", "Ünïcödé 房间", "[MASK] and </s>"]
    for text, ours in zip(texts, run.predict(texts), strict=True):
        theirs = {each["label"]: each["score"] for each in pipeline([text], truncation=True)[0]}
        for name, score in ours.scores.items():
            assert score == pytest.approx(theirs[name], abs=1e-5)
