import json
import logging
import shutil
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bert_outputs import assert_close, outputs_of
from regard.layers import gelu_tanh
from regard.models import MaskedLanguageModel, TextClassifier
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint

GOLDEN = Path(__file__).parent / "fixtures" / "bert"
INPUTS = {
    "token_ids": np.array([[2, 7, 5, 3], [2, 9, 3, 0]]),
    "segment_ids": np.zeros((2, 4), int),
    "padding_mask": np.array([[True] * 4, [True, True, True, False]]),
}
CLASSES = ["negative", "neutral", "positive"]

# The keys of two checkpoints that people fine-tune in Chinese, but for their sizes.
BERT_BASE_CHINESE = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "model_type": "bert",
    "pad_token_id": 0,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
}
CHINESE_BERT_WWM_EXT = {**BERT_BASE_CHINESE, "output_past": True}


@pytest.fixture
def model():
    model = TextClassifier(
        vocabulary_size=11,
        num_classes=3,
        hidden_dim=6,
        num_layers=2,
        num_heads=2,
        intermediate_dim=10,
        max_sequence_length=7,
        dropout=0.3,
        activation="relu",
        layer_norm_epsilon=1e-5,
    )
    for weight in model.weights:  # no zeros or ones left, so that every tensor tells
        weight.assign(keras.random.normal(weight.shape))
    return model


@pytest.fixture
def pretraining(tmp_path):
    """A copy of the checkpoint that has a pooler, a masked-LM head, and two tensors beside."""
    return shutil.copytree(GOLDEN / "pretraining", tmp_path / "pretraining")


@pytest.fixture(scope="module")
def masked_lm():
    """A masked language model of the sizes of that checkpoint, and the weights that it holds."""
    model = MaskedLanguageModel.from_checkpoint(GOLDEN / "pretraining")
    return model, model.get_weights()


def rewrite(directory, change):
    """Gives the tensors of a checkpoint other names or values."""
    path = directory / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def edit_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def assert_loads(directory, masked_lm, convert=lambda values: values):
    """The checkpoint gives a model, blank before, the weights of the golden one."""
    model, expected = masked_lm
    for weight in model.weights:
        weight.assign(keras.ops.zeros(weight.shape))
    Checkpoint(directory).load(model, ["encoder", "masked-LM head"])
    for weight, values in zip(model.weights, expected, strict=True):
        np.testing.assert_array_equal(weight, convert(values), err_msg=weight.path)


@pytest.mark.parametrize(
    "name", ["classifier", "masked_lm", "pretraining", "encoder", "encoder_without_pooler"]
)
def test_computes_what_transformers_does(name):
    inputs, expected = (dict(np.load(GOLDEN / name / f)) for f in ("inputs.npz", "expected.npz"))
    assert np.abs(expected["hidden_states"]).max() > 1
    assert_close(outputs_of(GOLDEN / name, inputs), expected)


def test_golden_files_are_small():
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*.*")) < 300_000


@pytest.mark.parametrize(
    ("name", "model_class"), [("classifier", TextClassifier), ("masked_lm", MaskedLanguageModel)]
)
def test_files_of_transformers_come_back_bit_equal(name, model_class, tmp_path):
    checkpoint = Checkpoint(GOLDEN / name)
    save_checkpoint(
        model_class.from_checkpoint(checkpoint), tmp_path, checkpoint.class_names or None
    )
    before, after = (load_file(d / "model.safetensors") for d in (GOLDEN / name, tmp_path))
    assert before.keys() == after.keys()
    for tensor in before:
        np.testing.assert_array_equal(before[tensor], after[tensor], err_msg=tensor)
    configs = [json.loads((d / "config.json").read_text()) for d in (GOLDEN / name, tmp_path)]
    assert {key: configs[0].get(key) for key in configs[1]} | configs[1] == configs[1]


def test_round_trip_is_exact(model, tmp_path):
    save_checkpoint(model, tmp_path, CLASSES)
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.class_names == CLASSES
    loaded = TextClassifier.from_checkpoint(checkpoint)
    assert loaded.config == model.config
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        assert ours.path == theirs.path
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))
    np.testing.assert_array_equal(np.array(model(INPUTS)), np.array(loaded(INPUTS)))


def test_layout_is_that_of_bert(model, tmp_path):
    save_checkpoint(model, tmp_path, CLASSES)
    tensors = load_file(tmp_path / "model.safetensors")
    prefix = "bert.encoder.layer.1"
    attention = model.encoder.blocks[1].attention
    kernel, bias = (
        np.array(attention.query_key_value.kernel),
        np.array(attention.query_key_value.bias),
    )
    for index, name in enumerate(("query", "key", "value")):
        columns = slice(6 * index, 6 * index + 6)
        weight = tensors[f"{prefix}.attention.self.{name}.weight"]
        np.testing.assert_array_equal(weight, kernel[:, columns].T)
        np.testing.assert_array_equal(
            tensors[f"{prefix}.attention.self.{name}.bias"], bias[columns]
        )
    assert tensors[f"{prefix}.intermediate.dense.weight"].shape == (10, 6)
    assert tensors["classifier.weight"].shape == (3, 6)
    assert len(tensors) == 5 + 2 * 16 + 4
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "negative", "1": "neutral", "2": "positive"}
    assert config["label2id"] == {"negative": 0, "neutral": 1, "positive": 2}
    assert (config["vocab_size"], config["hidden_act"]) == (11, "relu")


def test_bare_names(pretraining, masked_lm):
    rewrite(pretraining, lambda tensors: {n.removeprefix("bert."): t for n, t in tensors.items()})
    assert "embeddings.word_embeddings.weight" in load_file(pretraining / "model.safetensors")
    assert_loads(pretraining, masked_lm)


def test_norms_of_old_names(pretraining, masked_lm):
    rewrite(pretraining, with_old_norms)
    assert "bert.embeddings.LayerNorm.gamma" in load_file(pretraining / "model.safetensors")
    assert_loads(pretraining, masked_lm)


def with_old_norms(tensors):
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, tensor in tensors.items():
        for new in old:
            name = name.replace(new, old[new])
        renamed[name] = tensor
    return renamed


def test_shards(pretraining, masked_lm):
    tensors = load_file(pretraining / "model.safetensors")
    (pretraining / "model.safetensors").unlink()
    names = sorted(tensors)
    files = {name: f"model-0000{1 + i % 3}-of-00003.safetensors" for i, name in enumerate(names)}
    for file in set(files.values()):
        part = {name: tensors[name] for name in names if files[name] == file}
        save_file(part, pretraining / file, metadata={"format": "pt"})
    index = pretraining / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": files}))
    assert_loads(pretraining, masked_lm)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision(dtype, pretraining, masked_lm):
    rewrite(pretraining, lambda tensors: {n: t.astype(dtype) for n, t in tensors.items()})
    assert_loads(pretraining, masked_lm, lambda values: values.astype(dtype).astype("float32"))


def test_tensors_that_say_nothing(pretraining, masked_lm):
    rewrite(pretraining, with_copies)
    assert_loads(pretraining, masked_lm)


def with_copies(tensors):
    return {
        **tensors,
        "bert.embeddings.position_ids": np.arange(13)[None],
        "cls.predictions.decoder.weight": tensors["bert.embeddings.word_embeddings.weight"],
        "cls.predictions.decoder.bias": tensors["cls.predictions.bias"],
    }


@pytest.mark.parametrize("name", ["weight", "bias"])
@pytest.mark.parametrize("change", [lambda x: x + 1e-6, lambda x: x[1:], lambda x: x.astype(int)])
def test_an_untied_head_is_refused_and_its_encoder_is_not(name, change, pretraining, masked_lm):
    name = f"cls.predictions.decoder.{name}"
    rewrite(pretraining, lambda tensors: {**tensors, name: change(with_copies(tensors)[name])})
    checkpoint = Checkpoint(pretraining)
    with pytest.raises(CheckpointError, match=rf"{name} must equal .*Received: two that differ"):
        checkpoint.load(masked_lm[0], ["encoder", "masked-LM head"])
    checkpoint.load(masked_lm[0], ["encoder"])


@pytest.mark.parametrize(
    ("published", "change"),
    [(BERT_BASE_CHINESE, with_old_norms), (CHINESE_BERT_WWM_EXT, with_copies)],
    ids=["bert-base-chinese", "chinese-bert-wwm-ext"],
)
def test_chinese_checkpoints(published, change, pretraining, masked_lm, caplog):
    config = json.loads((pretraining / "config.json").read_text())
    sizes = ("hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads",
             "num_hidden_layers", "type_vocab_size", "vocab_size")  # fmt: skip
    (pretraining / "config.json").write_text(
        json.dumps({**published, **{size: config[size] for size in sizes}})
    )
    rewrite(pretraining, change)
    assert "cls.seq_relationship.weight" in load_file(pretraining / "model.safetensors")
    assert_loads(pretraining, masked_lm)
    with caplog.at_level(logging.INFO, "regard"):
        classifier = TextClassifier.from_checkpoint(pretraining, num_classes=2)
    assert classifier.config["layer_norm_epsilon"] == 1e-12
    assert classifier.config["activation"] == "gelu"
    assert [record.message for record in caplog.records] == [
        f"{pretraining} has no classifier, so that is new",
        f"{pretraining}: its masked-LM head is not needed",
    ]


def test_a_head_of_the_same_size_is_kept(caplog):
    with caplog.at_level(logging.INFO, "regard"):
        model = TextClassifier.from_checkpoint(GOLDEN / "classifier", num_classes=3)
    tensors = load_file(GOLDEN / "classifier" / "model.safetensors")
    np.testing.assert_array_equal(model.head.kernel, tensors["classifier.weight"].T)
    np.testing.assert_array_equal(model.head.bias, tensors["classifier.bias"])
    assert not caplog.records


def test_a_head_of_another_size_is_replaced_and_the_log_says_so(caplog):
    with caplog.at_level(logging.INFO, "regard"):
        model = TextClassifier.from_checkpoint(GOLDEN / "classifier", num_classes=5, dropout=0.2)
    assert model.head.kernel.shape == (10, 5)
    assert model.config["dropout"] == 0.2
    tensors = load_file(GOLDEN / "classifier" / "model.safetensors")
    np.testing.assert_array_equal(model.pooler.weights[0], tensors["bert.pooler.dense.weight"].T)
    assert [record.message for record in caplog.records] == [
        f"{GOLDEN / 'classifier'}: its classifier is replaced by a new one"
    ]


def test_rows_of_a_head_go_to_the_classes_of_the_same_names(caplog):
    known = Checkpoint(GOLDEN / "classifier").class_names
    names = ["another", known[2], known[0]]
    with caplog.at_level(logging.INFO, "regard"):
        model = TextClassifier.from_checkpoint(GOLDEN / "classifier", class_names=names)
    tensors = load_file(GOLDEN / "classifier" / "model.safetensors")
    old = tensors["classifier.weight"].T  # (D, 3)
    np.testing.assert_array_equal(model.head.kernel[:, 1:], old[:, [2, 0]])
    np.testing.assert_array_equal(model.head.bias[1:], tensors["classifier.bias"][[2, 0]])
    assert not np.isclose(model.head.kernel[:, :1], old).all(axis=0).any()
    assert f"keeps the rows of '{known[2]}', '{known[0]}'; new rows: 'another'" in caplog.text


def test_a_head_of_as_many_other_classes_is_new(caplog):
    names = ["x", "y", "z"]
    with caplog.at_level(logging.INFO, "regard"):
        model = TextClassifier.from_checkpoint(GOLDEN / "classifier", class_names=names)
    old = load_file(GOLDEN / "classifier" / "model.safetensors")["classifier.weight"].T
    assert not np.isclose(model.head.kernel, old).any()
    assert "keeps the rows of none; new rows: 'x', 'y', 'z'" in caplog.text


def test_the_number_of_classes_is_that_of_their_names():
    with pytest.raises(ValueError, match="num_classes=3, 2 names"):
        TextClassifier.from_checkpoint(GOLDEN / "classifier", 3, ["a", "b"])


def test_without_a_classifier_the_number_of_classes_must_be_given():
    with pytest.raises(CheckpointError, match=r"no classifier.*Received: num_classes=None"):
        TextClassifier.from_checkpoint(GOLDEN / "masked_lm")


def test_a_masked_language_model_of_an_encoder_has_a_new_head(caplog):
    with caplog.at_level(logging.INFO, "regard"):
        MaskedLanguageModel.from_checkpoint(GOLDEN / "encoder")
    assert [record.message for record in caplog.records] == [
        f"{GOLDEN / 'encoder'} has no masked-LM head, so that is new",
        f"{GOLDEN / 'encoder'}: its pooler is not needed",
    ]


def test_class_names_come_from_the_config_or_are_numbered(tmp_path):
    directory = shutil.copytree(GOLDEN / "classifier", tmp_path / "checkpoint")
    edit_config(directory, id2label={"1": "neutral", "0": "negative", "2": "正面"})
    assert Checkpoint(directory).class_names == ["negative", "neutral", "正面"]
    edit_config(directory, id2label=None, num_labels=3)
    assert Checkpoint(directory).class_names == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert Checkpoint(GOLDEN / "encoder").class_names == []


def test_a_classifier_saved_without_names_has_numbered_ones(model, tmp_path):
    save_checkpoint(model, tmp_path)
    assert Checkpoint(tmp_path).class_names == ["LABEL_0", "LABEL_1", "LABEL_2"]


@pytest.mark.parametrize("names", [[], ["a", "b"], ["a", "b", "a"]])
def test_class_names_that_do_not_fit_are_not_written(names, model, tmp_path):
    with pytest.raises(CheckpointError, match=r"each of the 3 classes.*Received: \["):
        save_checkpoint(model, tmp_path, names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("activation", ["tanh", "elu"])
def test_an_activation_that_the_format_has_no_name_for_is_not_written(activation, tmp_path):
    model = MaskedLanguageModel(5, 4, 1, 1, 3, activation=activation)
    with pytest.raises(CheckpointError, match=f"'gelu', 'relu'.*Received: '{activation}'"):
        save_checkpoint(model, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ours", "theirs"), [("silu", "silu"), (gelu_tanh, "gelu_new")])
def test_activations_have_their_names(ours, theirs, tmp_path):
    save_checkpoint(MaskedLanguageModel(5, 4, 1, 1, 3, activation=ours), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["hidden_act"] == theirs
    activation = Checkpoint(tmp_path).arguments["activation"]
    assert keras.activations.get(activation) is keras.activations.get(ours)
