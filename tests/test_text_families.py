"""Text encoders other than BERT, and BERT under heads of other tasks: loaded, computed, written."""

import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bert_outputs import assert_close
from family_outputs import hidden_states, opened, outputs_of
from regard.models import MaskedLanguageModel, TextClassifier
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from regard.models.text_families import TEXT_FAMILIES
from regard.recipes.errors import UserError
from regard.recipes.runs.checkpoints import open_model, tell_segments
from regard.recipes.text.distillation import with_evidence
from regard.recipes.text.start import freeze
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

GOLDEN = Path(__file__).parent / "fixtures" / "families"
FAMILIES = [family for family in TEXT_FAMILIES if family != "bert"]
CHECKPOINTS = [*FAMILIES, "deberta-v2_convolution", "modernbert_mean"]
SIZES = {"num_classes": 3, "hidden_dim": 6, "num_layers": 2, "num_heads": 2, "intermediate_dim": 5}


def copied(name, tmp_path, change=lambda tensors: tensors, **entries):
    """A copy of a golden checkpoint with other tensors, or with other entries in its config."""
    directory = shutil.copytree(GOLDEN / name, tmp_path / name)
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
    tensors = change(load_file(directory / "model.safetensors"))
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def golden(name, file):
    return dict(np.load(GOLDEN / name / f"{file}.npz"))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_computes_what_transformers_does_and_writes_the_same_files(name, tmp_path):
    checkpoint, model = opened(GOLDEN / name)
    assert model.config["family"] == name.partition("_")[0]
    expected = golden(name, "expected")
    assert np.abs(expected["hidden_states"]).max() > 1
    assert_close(outputs_of(model, golden(name, "inputs")), expected)

    save_checkpoint(model, tmp_path, checkpoint.class_names)
    before, after = (load_file(d / "model.safetensors") for d in (GOLDEN / name, tmp_path))
    assert before.keys() == after.keys()
    for tensor in before:
        np.testing.assert_array_equal(before[tensor], after[tensor], err_msg=tensor)
    old, new = (json.loads((d / "config.json").read_text()) for d in (GOLDEN / name, tmp_path))
    of_heads = {"classifier_dropout_prob", "seq_classif_dropout"}  # they get the one dropout
    for entry in new.keys() - of_heads:
        assert old.get(entry, new[entry]) == new[entry], entry


def test_golden_files_are_small():
    assert all(path.stat().st_size < 100_000 for path in GOLDEN.rglob("*.*"))


@pytest.mark.parametrize("family", ["distilbert", "electra", "mpnet", "deberta-v2", "modernbert"])
def test_a_new_model_of_a_family_is_written_as_one(family, tmp_path):
    constants = TEXT_FAMILIES[family].layout.constants
    own = {name: value for name, value in constants.items() if name != "family"}
    sizes = {**SIZES, "hidden_dim": 8}  # rotary positions turn pairs
    model = TextClassifier(31, max_sequence_length=9, family=family, **own, **sizes)
    save_checkpoint(model, tmp_path)
    loaded = TextClassifier.from_checkpoint(tmp_path)
    assert loaded.config == model.config
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs), err_msg=ours.path)


@pytest.mark.parametrize("family", TEXT_FAMILIES)
def test_a_new_head_leaves_the_rest_as_it_is_stored(family, tmp_path):
    sizes = {**SIZES, "hidden_dim": 8, "max_sequence_length": 9, "dropout": 0.0}
    constants = {"family": family, **TEXT_FAMILIES[family].layout.constants}
    model = TextClassifier(31, **sizes, **constants)
    save_checkpoint(model, tmp_path)
    loaded = TextClassifier.from_checkpoint(tmp_path, num_classes=4)
    stored = {weight.path: np.array(weight) for weight in model.weights}
    changed = {v.path for v in loaded.weights if not np.array_equal(v, stored.get(v.path))}
    assert changed == {"head/kernel", "head/bias"}


def test_a_family_that_there_is_not_names_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'roberta'.*Received: family='robert'"):
        TextClassifier(31, family="robert", **SIZES)


# Heads of other tasks, by what the tensors are called beside the encoder's.
OTHER_HEADS = {
    "BertForQuestionAnswering": ["qa_outputs.weight", "qa_outputs.bias"],
    "BertForMultipleChoice": ["classifier.weight", "classifier.bias"],
    "BertForSomethingOfMyOwn": ["crf.transitions", "span.0.weight"],
}


@pytest.mark.parametrize("architecture", OTHER_HEADS)
def test_an_encoder_under_any_head_is_loaded(architecture, tmp_path, caplog):
    names = OTHER_HEADS[architecture]

    def change(tensors):
        encoder = {
            name.removeprefix("bert."): tensor
            for name, tensor in tensors.items()
            if name.startswith("bert.")
        }
        return {**encoder, **{name: np.ones((5, 2), "float32") for name in names}}

    directory = copied("bert_tokens", tmp_path, change, architectures=[architecture])
    with caplog.at_level(logging.INFO, "regard"):
        checkpoint, model = opened(directory)
    assert checkpoint.class_names == []
    outputs = outputs_of(model, golden("bert_tokens", "inputs"), has_logits=False)
    assert_close(outputs, golden("bert_tokens", "expected"))
    assert caplog.messages == [
        f"{directory} has no pooler, so that is new",
        f"{directory} has no classifier, so that is new",
        f"{directory}: the head of another task is not needed: {'; '.join(sorted(names))}",
    ]


def test_under_another_head_the_encoder_must_still_be_whole(tmp_path):
    def change(tensors):
        tensors["bert.encoder.layer.1.attention.self.query.weight"] = np.ones((10, 10), "float32")
        del tensors["bert.embeddings.LayerNorm.bias"]
        return tensors

    with pytest.raises(CheckpointError) as error:
        Checkpoint(copied("bert_tokens", tmp_path, change))
    assert "bert.embeddings.LayerNorm.bias is missing" in str(error.value)
    assert "layer.1.attention.self.query.weight is not part of the model" in str(error.value)


def test_what_a_classifier_does_not_need_is_named(tmp_path, caplog):
    extra = {"lm_head.bias": np.ones(37, "float32"), "roberta.pooler.dense.bias": np.ones(21)}
    directory = copied("roberta", tmp_path, lambda tensors: {**tensors, **extra})
    with caplog.at_level(logging.INFO, "regard"):
        TextClassifier.from_checkpoint(directory)
    named = "lm_head.bias; roberta.pooler.dense.bias"
    assert caplog.messages == [f"{directory}: the head of another task is not needed: {named}"]


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("roberta", {"max_position_embeddings": 2}, "more than pad_token_id + 1"),
        ("roberta", {"max_position_embeddings": None}, "must be a positive integer, not None"),
        ("roberta", {"pad_token_id": "1"}, "pad_token_id must be an integer, at least 0, not '1'"),
        ("electra", {"embedding_size": 0}, "embedding_size must be a positive integer, not 0"),
        ("electra", {"embedding_size": 21}, "has shape (37, 7), not (37, 21)"),
        ("albert", {"num_hidden_groups": 4}, "at most num_hidden_layers, not 4 of 3"),
        ("albert", {"num_hidden_layers": 10**9}, "must be at most 1000, not 2000000000"),
        ("albert", {"num_hidden_groups": 2}, "albert_layer_groups.1.albert_layers.0"),
        ("mpnet", {"relative_attention_num_buckets": 64}, "must be 32, not 64"),
        ("distilbert", {"n_layers": 10**9}, "56 tensors for 1000000000 layers"),
        ("deberta-v2", {"relative_attention": False}, "relative_attention must be True, not False"),
        ("deberta-v2", {"position_buckets": 5}, "position_buckets must be even"),
        ("deberta-v2", {"position_buckets": "4"}, "position_buckets must be an integer, not '4'"),
        ("deberta-v2", {"max_relative_positions": 10**9}, "must be at most 65536, not 1000000000"),
        ("deberta-v2", {"pos_att_type": "p2c|p2p"}, "pos_att_type must be of c2p and p2c, not"),
        ("deberta-v2", {"pos_att_type": 3}, "pos_att_type must be of c2p and p2c"),
        ("deberta-v2", {"type_vocab_size": -1}, "type_vocab_size must be an integer, at least 0"),
        ("deberta-v2", {"embedding_size": 8}, "embedding_size must be as hidden_size, not 8"),
        ("deberta-v2", {"attention_head_size": 8}, "over num_attention_heads, not 8"),
        ("deberta-v2", {"conv_kernel_size": 2}, "conv_kernel_size must be odd, not 2"),
        ("deberta-v2_convolution", {"conv_act": "selu"}, "conv_act must be one of 'tanh', 'gelu'"),
        ("deberta-v2_convolution", {"conv_groups": 3}, "conv_groups must be 1, not 3"),
        ("modernbert", {"layer_types": ["sliding_attention"] * 3}, "'full_attention' for one in"),
        ("modernbert", {"layer_types": [{}, [], 0]}, "'full_attention' for one in so many"),
        ("modernbert", {"layer_types": "full_attention"}, "layer_types must have"),
        ("modernbert", {"norm_bias": True}, "norm_bias must be False, not True"),
        ("modernbert", {"classifier_pooling": "max"}, "must be one of 'cls', 'mean', not 'max'"),
        ("modernbert", {"local_attention": 1}, "local_attention must be at least 2, not 1"),
        ("modernbert", {"rope_scaling": {"factor": 2}}, "rope_scaling must be left out"),
        ("modernbert", {"rope_parameters": {"rope_theta": 9.0}}, "must be of 'full_attention' and"),
        ("modernbert", {"rope_parameters": []}, "rope_parameters must be of 'full_attention'"),
        (
            "modernbert",
            {"rope_parameters": {"full_attention": {"rope_type": "yarn", "rope_theta": 9.0}}},
            "rope_type must be 'default', not 'yarn'",
        ),
        (
            "modernbert",
            {"rope_parameters": {"full_attention": {"rope_theta": 0}}},
            "rope_theta of full_attention must be a number from 1 to 1e12, not 0",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(family, changes, message, tmp_path):
    with pytest.raises(CheckpointError) as error:
        Checkpoint(copied(family, tmp_path, **changes))
    assert message in str(error.value)


@pytest.mark.parametrize("family", ["roberta", "mpnet"])
def test_padding_on_either_side_and_within_changes_nothing(family):
    """Positions are counted by tokens alone, so padding may stand anywhere, as in fairseq."""
    model = TextClassifier.from_checkpoint(GOLDEN / family)
    padding = np.array([[1, 0, 0, 1, 0, 1, 1]], bool)
    text = np.array([[5, 9, 4, 8]])
    token_ids = np.full(padding.shape, model.config["variation"]["embedding"]["pad_id"])
    token_ids[padding] = text[0]
    embedded = np.array(model.embedding(token_ids))[padding]
    np.testing.assert_array_equal(embedded, np.array(model.embedding(text))[0])


def test_layers_of_a_group_share_their_weights():
    model = TextClassifier.from_checkpoint(GOLDEN / "albert")
    assert len(model.encoder.blocks) == 2
    assert [block.name for block in model.encoder.steps()] == ["block_0", "block_1"] * 3
    inputs = golden("albert", "inputs")
    weights = model.encoder.attention_weights(
        hidden_states(model, inputs)[0], inputs["padding_mask"]
    )
    assert weights.shape == (3, 6, 3, 7, 7)  # (B, L, N, T, T)


@pytest.mark.parametrize("family", ["albert", "mpnet", "deberta-v2_convolution", "modernbert"])
def test_a_teacher_sees_the_same_logits(family):
    model, inputs = opened(GOLDEN / family)[1], golden(family, "inputs")
    outputs = with_evidence(model, 2)(inputs)
    np.testing.assert_allclose(outputs["logits"], golden(family, "expected")["logits"], atol=1e-5)


def test_an_older_config_of_modernbert_is_the_same_model(tmp_path):
    """As of before transformers 5: how many layers share a window, and two bases of rotation."""
    directory = copied("modernbert", tmp_path)
    config = json.loads((directory / "config.json").read_text())
    wanted = Checkpoint(directory).arguments
    thetas = {kind: entry["rope_theta"] for kind, entry in config.pop("rope_parameters").items()}
    types = config.pop("layer_types")
    assert types == ["full_attention", "sliding_attention", "full_attention"]
    config |= {
        "global_attn_every_n_layers": 2,
        "global_rope_theta": thetas["full_attention"],
        "local_rope_theta": thetas["sliding_attention"],
    }
    (directory / "config.json").write_text(json.dumps(config))
    assert Checkpoint(directory).arguments == wanted


def test_terms_of_deberta_may_be_one_text(tmp_path):
    directory = copied("deberta-v2", tmp_path, pos_att_type="p2c | C2P")
    assert Checkpoint(directory).arguments == Checkpoint(GOLDEN / "deberta-v2").arguments


@pytest.mark.parametrize("name", ["deberta-v2", "deberta-v2_convolution", "modernbert"])
def test_attention_is_that_of_each_block(name):
    model, inputs = opened(GOLDEN / name)[1], golden(name, "inputs")
    embedded = model.embedding(inputs["token_ids"], inputs["segment_ids"])
    weights = np.array(model.encoder.attention_weights(embedded, inputs["padding_mask"]))
    assert weights.shape == (3, 3, 3, 7, 7)  # (B, L, N, T, T)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    is_real = inputs["padding_mask"]
    from_real = is_real[:, None, None, :, None] & ~is_real[:, None, None, None]
    assert weights[np.broadcast_to(from_real, weights.shape)].max() == 0
    sees_far = weights[0, :, :, 0, 3:].max(axis=(1, 2)) > 0
    assert sees_far.tolist() == ([True, False, True] if name == "modernbert" else [True] * 3)


@pytest.mark.parametrize("name", ["deberta-v2_convolution", "modernbert", "mpnet"])
def test_what_is_frozen_stays(name):
    model = opened(GOLDEN / name)[1]
    freeze(model, 3)
    left = {weight.path.split("/")[0] for weight in model.trainable_weights}
    assert left - {"encoder"} == {"pooler", "head"}
    of_encoder = [w.path for w in model.trainable_weights if w.path.startswith("encoder")]
    assert of_encoder == (["encoder/final_norm/gamma"] if name == "modernbert" else [])


@pytest.mark.parametrize("name", reversed(CHECKPOINTS[:-1]))
@pytest.mark.slow
def test_every_family_trains_in_mixed_precision_under_xla(name):
    checkpoint = Checkpoint(GOLDEN / name)
    model = TextClassifier.from_checkpoint(checkpoint, dtype="mixed_bfloat16")
    inputs, expected = golden(name, "inputs"), golden(name, "expected")["logits"]
    spread = np.abs(expected).max()
    np.testing.assert_allclose(model(inputs), expected, atol=0.08 * spread)
    model.compile("adam", "mse", jit_compile=True)
    history = model.fit(inputs, expected, batch_size=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_other_families_are_not_pretrained():
    with pytest.raises(CheckpointError, match="must be a checkpoint of BERT, not of RoBERTa"):
        MaskedLanguageModel.from_checkpoint(GOLDEN / "roberta")


def test_a_checkpoint_of_another_task_names_the_command_that_begins_from_it():
    with pytest.raises(UserError) as error:
        open_model(GOLDEN.parent / "vit" / "square", "text")
    message = str(error.value)
    assert "is a checkpoint of ViT: `regard fit images` begins from it, and `regard fit" in message
    assert (
        "text` from BERT, DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA, ALBERT" in message
    )
    begins = "of RoBERTa: `regard fit text` or `regard fit tokens` begins"
    with pytest.raises(UserError, match=rf"{begins}.*text` from BERT\."):
        open_model(GOLDEN / "roberta", "masked_lm")
    with pytest.raises(
        UserError,
        match="of BERT: `regard fit text`, `regard fit tokens` or `regard pretrain text` begins",
    ):
        open_model(GOLDEN / "bert_tokens", "translation")


def test_a_model_without_segments_is_written_with_a_tokenizer_that_gives_none(tmp_path):
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "good"])
    tokenizer.save(tmp_path, 9)
    tell_segments(SimpleNamespace(config={"num_segments": 0}), tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["model_input_names"] == ["input_ids", "attention_mask"]
