import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file

from layer_checks import floats
from regard.models import MaskedLanguageModel, TextClassifier, Translator
from regard.models.checkpoints import Checkpoint, CheckpointError, save_checkpoint
from regard.models.decoding import beam_search, greedy

FIXTURES = Path(__file__).parent / "fixtures"
GOLDEN = FIXTURES / "marian"
NAMES = ["swish", "relu", "gelu"]  # 1, 3 and 1 encoder blocks, 1, 1 and 2 decoder blocks
TABLE = "model.shared.weight"
POSITIONS = "model.encoder.embed_positions.weight"

# The config of an OPUS-MT checkpoint, but for its sizes and token ids.
OPUS_MT = {
    "_num_labels": 3,
    "activation_dropout": 0.0,
    "activation_function": "swish",
    "add_bias_logits": False,
    "add_final_layer_norm": False,
    "architectures": ["MarianMTModel"],
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "classif_dropout": 0.0,
    "classifier_dropout": 0.0,
    "decoder_layerdrop": 0.0,
    "dropout": 0.1,
    "encoder_layerdrop": 0.0,
    "extra_pos_embeddings": 58101,
    "forced_eos_token_id": 0,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
    "init_std": 0.02,
    "is_encoder_decoder": True,
    "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},
    "model_type": "marian",
    "normalize_before": False,
    "normalize_embedding": False,
    "num_beams": 6,
    "num_hidden_layers": 6,
    "scale_embedding": True,
    "static_position_embeddings": True,
    "use_cache": True,
}


@pytest.fixture
def directory(tmp_path):
    """A checkpoint of 3 encoder blocks and 1 decoder block, whole."""
    return shutil.copytree(GOLDEN / "relu", tmp_path / "checkpoint")


def golden(name):
    return (dict(np.load(GOLDEN / name / f)) for f in ("inputs.npz", "expected.npz"))


def rewrite(directory, **changes):
    """Gives tensors of a checkpoint, or new ones, other values; None takes one away."""
    tensors = {**load_file(directory / "model.safetensors"), **changes}
    tensors = {name: values for name, values in tensors.items() if values is not None}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def edit_config(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def read_config(directory):
    return json.loads((directory / "config.json").read_text())


def refusal(directory, model_class=Translator):
    """The one line that says why a checkpoint is refused."""
    with pytest.raises(CheckpointError) as error:
        model_class.from_checkpoint(directory)
    message = str(error.value)
    assert message.isprintable()
    assert message.startswith(str(directory))
    assert len(message) < 2000
    return message


def assert_equal_weights(model, other):
    for first, second in zip(model.weights, other.weights, strict=True):
        assert first.path == second.path
        np.testing.assert_array_equal(first, second, err_msg=first.path)


def reference_sinusoids(length, width):
    """A position at a time, from section 3.5 of the paper: all sines, then all cosines."""
    angles = [
        [position / 10000 ** (2 * i / width) for i in range(width // 2)]
        for position in range(length)
    ]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype("float32")


@pytest.mark.parametrize("name", NAMES)
def test_computes_what_transformers_does(name):
    inputs, expected = golden(name)
    model = Translator.from_checkpoint(GOLDEN / name)
    assert np.abs(expected["logits"]).max() > 3
    np.testing.assert_allclose(model(inputs), expected["logits"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_writes_what_transformers_does(name):
    inputs, expected = golden(name)
    model = Translator.from_checkpoint(GOLDEN / name)
    max_length = expected["greedy_token_ids"].shape[1]
    assert (expected["greedy_token_ids"][:, -1] == model.config["pad_id"]).any(), "some end early"
    tokens = greedy(model, inputs, max_length).token_ids
    np.testing.assert_array_equal(tokens[:, 0], expected["greedy_token_ids"])
    beams = beam_search(model, inputs, max_length, num_beams=4)
    np.testing.assert_array_equal(beams.token_ids, expected["beam_token_ids"])
    np.testing.assert_allclose(beams.scores, expected["beam_scores"], rtol=0, atol=1e-5)


def test_golden_files_are_small():
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*.*")) < 300_000


@pytest.mark.parametrize("name", NAMES)
def test_files_of_transformers_come_back_bit_equal(name, tmp_path):
    save_checkpoint(Translator.from_checkpoint(GOLDEN / name), tmp_path)
    before, after = (load_file(d / "model.safetensors") for d in (GOLDEN / name, tmp_path))
    assert before.keys() == after.keys()
    for tensor in before:
        np.testing.assert_array_equal(before[tensor], after[tensor], err_msg=tensor)
    theirs, ours = read_config(GOLDEN / name), read_config(tmp_path)
    if name == "swish":  # the same by another name
        theirs["activation_function"] = "silu"
    ours.pop("static_position_embeddings")  # in OPUS-MT's configs, of which MarianConfig ignores it
    assert {key: theirs.get(key) for key in ours} == ours


def test_round_trip_is_exact(tmp_path):
    model = Translator(13, 6, 1, 3, 7, 2, 11, 0.3, 0.2, "gelu", end_id=4, pad_id=5)
    model.set_weights([floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    save_checkpoint(model, tmp_path)
    loaded = Translator.from_checkpoint(tmp_path)
    assert loaded.config == model.config
    assert_equal_weights(loaded, model)
    config = read_config(tmp_path)
    sizes = ("vocab_size", "d_model", "encoder_layers", "decoder_layers", "decoder_ffn_dim")
    assert [config[name] for name in sizes] == [13, 6, 1, 2, 7]
    assert (config["decoder_attention_heads"], config["max_position_embeddings"]) == (3, 11)
    assert (config["dropout"], config["attention_dropout"]) == (0.3, 0.2)
    ids = ("eos_token_id", "pad_token_id", "decoder_start_token_id", "decoder_vocab_size")
    assert [config[name] for name in ids] == [4, 5, 5, 13]


def test_layout_is_that_of_marian(tmp_path):
    model = Translator(13, 6, 2, 3, 7, num_decoder_layers=1)
    model.set_weights([floats(*w.shape, seed=i) for i, w in enumerate(model.weights)])
    save_checkpoint(model, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert len(tensors) == 2 + 2 * 16 + 26
    block = model.decoder.blocks[0]
    kernel = ops.convert_to_numpy(block.attention.query_key_value.kernel)
    for index, name in enumerate("qkv"):
        weight = tensors[f"model.decoder.layers.0.self_attn.{name}_proj.weight"]
        np.testing.assert_array_equal(weight, kernel[:, 6 * index : 6 * index + 6].T)
    weight = tensors["model.decoder.layers.0.encoder_attn.v_proj.weight"]
    np.testing.assert_array_equal(weight, ops.transpose(block.cross_attention.value.kernel))
    assert tensors["model.encoder.layers.1.fc1.weight"].shape == (7, 6)
    np.testing.assert_array_equal(tensors["final_logits_bias"], model.head.bias[None])
    np.testing.assert_array_equal(tensors[TABLE], model.embedding.token_embedding.embeddings)


def test_arguments_beside_those_of_the_checkpoint():
    model = Translator.from_checkpoint(
        Checkpoint(GOLDEN / "gelu"), dropout=0.0, attention_dropout=0.1, name="mine"
    )
    assert (model.config["dropout"], model.config["attention_dropout"]) == (0.0, 0.1)
    assert (model.config["num_decoder_layers"], model.name) == (2, "mine")


def test_opus_mt(directory):
    """A config as published, half precision, and every table of embeddings and positions."""
    config = read_config(directory)
    others = ("vocab_size", "d_model", "encoder_layers", "decoder_layers", "encoder_ffn_dim",
              "decoder_ffn_dim", "encoder_attention_heads", "decoder_attention_heads",
              "max_position_embeddings", "eos_token_id", "pad_token_id", "decoder_start_token_id",
              "decoder_vocab_size")  # fmt: skip
    (directory / "config.json").write_text(
        json.dumps({**OPUS_MT, **{name: config[name] for name in others}})
    )
    before = load_file(directory / "model.safetensors")
    copies = ("lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens")
    positions = {POSITIONS: reference_sinusoids(19, 28)}
    positions[POSITIONS.replace("encoder", "decoder")] = positions[POSITIONS]
    tensors = {**before, **{f"{name}.weight": before[TABLE] for name in copies}, **positions}
    rewrite(directory, **{name: values.astype("float16") for name, values in tensors.items()})
    model = Translator.from_checkpoint(directory)
    assert model.config["activation"] == "silu"
    expected = Translator.from_checkpoint(GOLDEN / "relu")
    for weight, values in zip(model.weights, expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, values.astype("float16").astype("float32"))


@pytest.mark.parametrize(
    "name", ["lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens"]
)
def test_one_table_of_embeddings_by_any_name(name, directory):
    name = f"{name}.weight"
    expected = Translator.from_checkpoint(directory)
    table = load_file(directory / "model.safetensors")[TABLE]
    rewrite(directory, **{name: table})
    assert_equal_weights(Translator.from_checkpoint(directory), expected)
    rewrite(directory, **{TABLE: None})
    assert TABLE not in load_file(directory / "model.safetensors")
    assert_equal_weights(Translator.from_checkpoint(directory), expected)
    rewrite(directory, **{TABLE: table, name: table + np.float32(1e-6)})
    message = refusal(directory)
    assert f"{name} must equal {TABLE}. Received: two that differ" in message


@pytest.mark.parametrize("change", [lambda x: x[1:], lambda x: x.astype("float16")])
def test_two_tables_of_embeddings_must_be_alike(change, directory):
    table = load_file(directory / "model.safetensors")[TABLE]
    rewrite(directory, **{"lm_head.weight": change(table)})
    assert f"lm_head.weight must equal {TABLE}" in refusal(directory)


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_positions_that_are_sinusoids(stack, directory):
    expected = Translator.from_checkpoint(directory)
    positions = reference_sinusoids(19, 28)
    name = POSITIONS.replace("encoder", stack)
    for dtype in ("float32", "float16"):
        rewrite(directory, **{name: positions.astype(dtype)})
        assert_equal_weights(Translator.from_checkpoint(directory), expected)


def interleaved(positions):
    return np.stack(np.split(positions, 2, axis=1), axis=-1).reshape(positions.shape)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + 0.02,
        lambda x: np.roll(x, 1, axis=0),
        interleaved,
        lambda x: x[1:],
        lambda x: x[:, :-1],
        lambda x: x.astype("int64"),
        pytest.param(
            lambda x: np.where(x == 1, np.nan, x).astype("float32"),
        ),
    ],
    ids=["others", "shifted", "interleaved", "short", "narrow", "integers", "nan"],
)
@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_other_positions_are_refused(stack, change, directory):
    name = POSITIONS.replace("encoder", stack)
    rewrite(directory, **{name: np.ascontiguousarray(change(reference_sinusoids(19, 28)))})
    assert f"{name} must be the sinusoids of its positions" in refusal(directory)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_embedding": False}, "scale_embedding must be True, not False"),
        ({"normalize_before": True}, "normalize_before must be False, not True"),
        ({"normalize_embedding": True}, "normalize_embedding must be False, not True"),
        ({"add_final_layer_norm": True}, "add_final_layer_norm must be False, not True"),
        ({"static_position_embeddings": False}, "static_position_embeddings must be True, not Fa"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings must be True, not False"),
        (
            {"share_encoder_decoder_embeddings": 3},
            "share_encoder_decoder_embeddings must be one of",
        ),
        ({"share_encoder_decoder_embeddings": False}, "encoder.embed_tokens.weight is missing"),
        ({"decoder_ffn_dim": 12}, "decoder_ffn_dim must be as encoder_ffn_dim, not 12"),
        ({"decoder_attention_heads": 4}, "must be as encoder_attention_heads, not 4"),
        ({"decoder_vocab_size": 30}, "decoder_vocab_size must be as vocab_size, not 30"),
        ({"decoder_start_token_id": 0}, "decoder_start_token_id must be as pad_token_id, not 0"),
        ({"activation_function": "mish"}, "activation_function must be one of 'gelu', 'relu', "),
        ({"activation_function": None}, "activation_function must be one of"),
        ({"architectures": ["MarianForCausalLM"]}, "the architecture must be 'MarianMTModel'"),
        ({"model_type": "t5"}, "type 't5' is not read; of translations Marian, "),
        ({"eos_token_id": [0]}, "eos_token_id must be an integer, at least 0, not [0]"),
        ({"eos_token_id": None}, "eos_token_id must be an integer, at least 0, not None"),
        ({"pad_token_id": -1, "decoder_start_token_id": -1}, "pad_token_id must be an integer"),
        ({"decoder_layers": 0}, "decoder_layers must be a positive integer, not 0"),
        ({"decoder_layers": 2}, "model.decoder.layers.1.self_attn.q_proj.weight is missing"),
        ({"encoder_layers": 2}, "layers.2.fc1.bias is not part of the model"),
        ({"decoder_layers": 10**9}, "76 tensors for 1000000000 layers"),
        ({"encoder_layers": 10**9}, "76 tensors for 1000000000 layers"),
        ({"encoder_attention_heads": 3, "decoder_attention_heads": 3}, "multiple of encoder_atte"),
        ({"dropout": 1}, "dropout must be a number in [0, 1), not 1"),
        ({"attention_dropout": "0"}, "attention_dropout must be a number in [0, 1), not '0'"),
        ({"vocab_size": 10**12, "decoder_vocab_size": None}, "(29, 28), not (1000000000000, 28)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_config_of_another_model(changes, message, directory):
    edit_config(directory, **changes)
    assert message in refusal(directory)


@pytest.mark.parametrize(
    "changes",
    [
        {"eos_token_id": 29},
        {"eos_token_id": 28},  # which is the padding
        {"pad_token_id": 29, "decoder_start_token_id": 29},
        {"max_position_embeddings": 10**15},
    ],
)
def test_a_config_that_no_translator_has(changes, directory):
    edit_config(directory, **changes)
    assert next(iter(changes)) in refusal(directory)


def test_an_odd_width(tmp_path):
    save_checkpoint(Translator(13, 6, 1, 1, 7), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for name, values in tensors.items():
        narrow = tuple(slice(0, 5 if size == 6 else size) for size in values.shape)
        tensors[name] = np.ascontiguousarray(values[narrow])
    rewrite(tmp_path, **tensors)
    edit_config(tmp_path, d_model=5)
    assert "d_model must be even" in refusal(tmp_path)


def test_what_a_config_may_leave_out(directory):
    expected = Translator.from_checkpoint(directory)
    config = read_config(directory)
    for name in ("architectures", "decoder_ffn_dim", "decoder_attention_heads", "attention_dropout",
                 "decoder_vocab_size", "decoder_start_token_id", "tie_word_embeddings",
                 "share_encoder_decoder_embeddings"):  # fmt: skip
        del config[name]
    (directory / "config.json").write_text(json.dumps(config))
    model = Translator.from_checkpoint(directory)
    assert model.config == {**expected.config, "attention_dropout": 0.0}
    assert_equal_weights(model, expected)
    del config["scale_embedding"]  # False is what `transformers` makes of that
    (directory / "config.json").write_text(json.dumps(config))
    assert "scale_embedding must be True, not False" in refusal(directory)


def test_what_does_not_fit_is_all_named_at_once(directory):
    rewrite(
        directory,
        **{
            "final_logits_bias": np.zeros(29, "float32"),
            "model.encoder.layers.2.fc2.bias": None,
            "model.decoder.layers.0.fc3.bias": np.zeros(11, "float32"),
            "model.decoder.layers.0.encoder_attn.k_proj.weight": np.zeros((28, 27), "float32"),
            "model.decoder.layers.0.fc1.bias": np.zeros(11, "int32"),
        },
    )
    message = refusal(directory)
    assert f"{directory} must hold the tensors that its config.json describes" in message
    assert "model.encoder.layers.2.fc2.bias is missing" in message
    assert "model.decoder.layers.0.fc3.bias is not part of the model" in message
    assert "encoder_attn.k_proj.weight has shape (28, 27), not (28, 28)" in message
    assert "final_logits_bias has shape (29,), not (1, 29)" in message
    assert "model.decoder.layers.0.fc1.bias has dtype I32, not F32/F16/BF16" in message


@pytest.mark.parametrize(
    "name", [TABLE, "final_logits_bias", "model.decoder.layers.0.encoder_attn_layer_norm.bias"]
)
def test_every_tensor_is_needed(name, directory):
    rewrite(directory, **{name: None})
    assert f"{name} is missing" in refusal(directory)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_all_named_at_once(value, directory):
    names = ("final_logits_bias", "model.decoder.layers.0.encoder_attn.v_proj.weight")
    tensors = load_file(directory / "model.safetensors")
    for name in names:
        tensors[name].flat[-1] = value
    rewrite(directory, **tensors)
    message = refusal(directory)
    assert "every weight must be finite. Received NaN or infinity in: " in message
    for name in names:
        assert name in message


def test_a_checkpoint_of_another_kind():
    message = refusal(FIXTURES / "bert" / "classifier")
    assert "it must be a checkpoint of Marian, M2M100 or mBART-50, not of BERT" in message
    for model_class in (TextClassifier, MaskedLanguageModel):
        message = refusal(GOLDEN / "gelu", model_class)
        assert "it must be a checkpoint of BERT" in message and "not of Marian" in message


def test_an_activation_that_the_format_has_no_name_for_is_not_written(tmp_path):
    model = Translator(5, 4, 1, 1, 3, activation="tanh")
    with pytest.raises(CheckpointError, match=r"'gelu', 'relu'.*Received: 'tanh'"):
        save_checkpoint(model, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ours", "theirs"), [("relu", "relu"), ("gelu", "gelu"), ("silu", "silu"), ("swish", "silu")]
)
def test_activations_have_their_names(ours, theirs, tmp_path):
    save_checkpoint(Translator(5, 4, 1, 1, 3, activation=ours), tmp_path)
    assert read_config(tmp_path)["activation_function"] == theirs
    activation = Checkpoint(tmp_path).arguments["activation"]
    assert keras.activations.get(activation) is keras.activations.get(ours)
