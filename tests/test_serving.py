import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from regard.models import TextClassifier, disk
from regard.recipes.errors import UserError
from regard.recipes.runs.single_label import SingleLabel
from regard.recipes.serving import export as serving
from regard.recipes.serving import verify_export
from regard.recipes.serving.classifier import STRINGS, promise, ranked_promise
from regard.recipes.serving.server_ops import TEXT_OPS
from regard.recipes.serving.warmup_requests import predict_request
from regard.recipes.text import serving as text_serving
from regard.recipes.text.encoding import TextEncoder
from regard.recipes.text.serving import export_text_classifier
from regard.recipes.tokenizers.vocabulary import learn_vocabulary
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

CLASS_NAMES = ["negative", "néutral", "positive"]
PROBLEM = SingleLabel(CLASS_NAMES)
MAX_SEQUENCE_LENGTH = 23
EXAMPLES = ["a good hotel", "not at all good, and far too loud for us", "房间很干净", "bad food!"]

# Asks an export as a stranger would: TensorFlow and TensorFlow Text, nothing else.
STRANGER = """
import sys
import numpy as np
import tensorflow as tf
import tensorflow_text

export, texts_path, answers_path = sys.argv[1:]
texts = np.load(texts_path, allow_pickle=True)
model = tf.saved_model.load(export)
predict, classify = model.signatures["serving_default"], model.signatures["classify"]
answers = {}
for size in (1, 7, 64):
    few = texts[:100] if size == 1 else texts
    batches = [few[i : i + size] for i in range(0, len(few), size)]
    outputs = [predict(texts=tf.constant(batch)) for batch in batches]
    for name in outputs[0]:
        answers[f"{name}_{size}"] = np.concatenate([each[name].numpy() for each in outputs])
examples = []
for text in texts[:64]:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
    features = tf.train.Features(feature={"text": feature})
    examples.append(tf.train.Example(features=features).SerializeToString())
for name, value in classify(inputs=tf.constant(examples)).items():
    answers[f"classify_{name}"] = value.numpy()
answers["empty"] = predict(texts=tf.constant([], tf.string))["scores"].numpy()
assert "regard" not in sys.modules
np.savez(answers_path, **answers)
"""


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(learn_vocabulary(EXAMPLES, size=120, min_frequency=1))


@pytest.fixture(scope="module")
def model(tokenizer):
    keras.utils.set_random_seed(7)
    model = TextClassifier(
        vocabulary_size=len(tokenizer.vocabulary),
        num_classes=len(CLASS_NAMES),
        hidden_dim=14,
        num_layers=2,
        num_heads=2,
        intermediate_dim=19,
        max_sequence_length=MAX_SEQUENCE_LENGTH,
    )
    # Far from its small first weights, so that texts get different labels and scores.
    model.set_weights([3 * each if each.ndim > 1 else each for each in model.get_weights()])
    model.compile("adam", "mse")
    return model


@pytest.fixture(scope="module")
def exported(model, tokenizer, tmp_path_factory):
    destination = tmp_path_factory.mktemp("served") / "made" / "here"
    return export(model, tokenizer, destination)


@pytest.fixture
def unverified(monkeypatch):
    """For tests of what surrounds the check, which takes seconds."""
    monkeypatch.setattr(serving, "_verify", lambda *args: None)


def export(model, tokenizer, destination, precision="float32"):
    encoder = TextEncoder(tokenizer, MAX_SEQUENCE_LENGTH)
    return export_text_classifier(model, encoder, PROBLEM, destination, EXAMPLES, precision)


def many_texts() -> list[bytes]:
    random = np.random.default_rng(7)
    words = [
        "good",
        "bad",
        "hotel",
        "not",
        "far",
        "loud",
        "!",
        "房",
        "间",
        "😀",
        "é",
        "zzz",
        "\x01",
    ]
    ordinary = [" ".join(random.choice(words, random.integers(0, 40))) for _ in range(960)]
    noise = [random.bytes(int(random.integers(0, 60))) for _ in range(33)]
    return [*serving.AWKWARD_TEXTS, *(text.encode() for text in ordinary), *noise]


def live_scores(model, tokenizer, texts):
    """The model's probabilities by way of `predict`, all padded to the same length."""
    token_ids = tokenizer.encode(tf.constant(texts), MAX_SEQUENCE_LENGTH)
    inputs = tokenizer.pack(token_ids, MAX_SEQUENCE_LENGTH)
    return tf.nn.softmax(model.predict(inputs, verbose=0)).numpy()


def test_export_answers_as_the_live_model_where_regard_is_not(exported, model, tokenizer, tmp_path):
    texts = np.array(many_texts(), object)
    np.save(tmp_path / "texts.npy", texts)
    paths = [exported, tmp_path / "texts.npy", tmp_path / "answers.npz"]
    stranger = [sys.executable, "-c", STRANGER, *paths]
    result = subprocess.run(stranger, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    answers = np.load(tmp_path / "answers.npz", allow_pickle=True)

    expected = live_scores(model, tokenizer, texts.tolist())
    labels = np.array([name.encode() for name in CLASS_NAMES], object)
    assert len(texts) == 1000
    assert len(set(expected.argmax(axis=1))) > 1 and expected.max(axis=1).std() > 0.05
    for size, count in ((1, 100), (7, 1000), (64, 1000)):
        np.testing.assert_allclose(answers[f"scores_{size}"], expected[:count], rtol=0, atol=1e-5)
        assert (answers[f"label_{size}"] == labels[expected[:count].argmax(axis=1)]).all()
        assert (answers[f"score_{size}"] == answers[f"scores_{size}"].max(axis=1)).all()
        assert (answers[f"classes_{size}"] == labels).all()
        assert answers[f"scores_{size}"].dtype == np.float32
    np.testing.assert_allclose(answers["classify_scores"], expected[:64], rtol=0, atol=1e-5)
    assert (answers["classify_classes"] == np.tile(labels, (64, 1))).all()
    assert answers["empty"].shape == (0, 3)


def test_texts_of_like_length_go_through_the_model_a_few_at_a_time(tokenizer):
    """All of a batch comes back in its own order, and none is padded far beyond its length."""
    shapes = []

    class LengthModel:
        output_shape = (None, 2)

        def __call__(self, inputs, training):
            shapes.append(tuple(inputs["token_ids"].shape))
            length = tf.reduce_sum(tf.cast(inputs["padding_mask"], tf.float32), axis=1)
            return tf.stack([length, 0 * length], axis=1)

    words = np.random.default_rng(0).integers(0, 20, size=70)
    texts = tf.constant([" ".join("a" * count) for count in words])
    encoder = TextEncoder(tokenizer, MAX_SEQUENCE_LENGTH)
    logits = text_serving._logits(LengthModel(), encoder, {"texts": texts})
    np.testing.assert_array_equal(logits[:, 0], words + 2.0)
    assert [rows for rows, _ in shapes] == [32, 32, 6]
    assert [length for _, length in shapes] == [2 + np.sort(words)[end] for end in (31, 63, 69)]


def test_files_of_an_export(exported, tokenizer):
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert files == {
        "saved_model.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "assets/labels.txt",
        "assets/vocab.txt",
        "assets.extra/manifest.json",
        "assets.extra/tf_serving_warmup_requests",
        "batching_params.pbtxt",
    }
    assert (exported / "assets/labels.txt").read_text("utf-8").splitlines() == CLASS_NAMES
    vocabulary = (exported / "assets/vocab.txt").read_text("utf-8").splitlines()
    assert vocabulary == tokenizer.vocabulary
    assert exported.name == "1" and list(exported.parent.iterdir()) == [exported]
    assert exported.stat().st_mode & 0o055 == 0o055  # a server may run as another user


def test_the_optimizer_and_keras_stay_behind(exported, model):
    names = dict(tf.train.list_variables(str(exported / "variables" / "variables")))
    saved = [name for name in names if name.endswith("VARIABLE_VALUE")]
    assert len(saved) == len(model.weights)
    graph = (exported / "saved_model.pb").read_bytes()
    assert b"adam" not in graph and b"keras_api" not in graph
    assert str(exported.parent).encode() not in graph  # nor any path of this machine


def test_classify_signature_is_named_so_that_the_classify_api_takes_it(exported):
    signatures = read_graph(exported).meta_graphs[0].signature_def
    assert signatures["classify"].method_name == "tensorflow/serving/classify"
    assert signatures["serving_default"].method_name == "tensorflow/serving/predict"


def test_warmup_requests_parse_and_cover_both_signatures_and_batch_sizes(exported):
    path = exported / "assets.extra" / "tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    predicted, classified = [], []
    for log in map(PredictionLog.FromString, records):
        kind = log.WhichOneof("log_type")
        request = getattr(log, kind).request
        if kind == "predict_log":
            assert request.model_spec.signature_name == "serving_default"
            predicted.append(tf.make_ndarray(request.inputs["texts"]).tolist())
        else:
            assert kind == "classify_log" and request.model_spec.signature_name == "classify"
            features = [each.features.feature for each in request.input.example_list.examples]
            classified.append([each["text"].bytes_list.value[0] for each in features])
    assert predicted == classified
    assert [len(batch) for batch in predicted] == [1, 1, 8, 8]
    assert predicted[0] == [b"bad food!"] and predicted[1] == [EXAMPLES[1].encode()]


def test_versions_count_up_and_old_ones_are_not_touched(model, tokenizer, tmp_path, unverified):
    for name in ("3", "0007", "nine", ".12", "5.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / "0007" / "saved_model.pb").write_bytes(b"old")
    (tmp_path / "8").write_text("a file takes a number, too")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert export(model, tokenizer, tmp_path) == tmp_path / "9"
    assert export(model, tokenizer, tmp_path) == tmp_path / "10"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "0007" / "saved_model.pb").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {
        *("3", "0007", "nine", ".12", "5.partial", "8", "9", "10")
    }


def test_two_exports_at_once_take_two_versions(model, tokenizer, tmp_path, monkeypatch, unverified):
    def someone_was_faster(what, path):
        if (what, path) == ("rename", tmp_path / "1"):
            (path / "variables").mkdir(parents=True)

    monkeypatch.setattr(disk, "watch", someone_was_faster)
    assert export(model, tokenizer, tmp_path) == tmp_path / "2"
    assert list((tmp_path / "1").iterdir()) == [tmp_path / "1" / "variables"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_check_leaves_nothing(model, tokenizer, tmp_path, monkeypatch, error):
    def fail(export, *args):
        assert (export / "saved_model.pb").exists()
        assert not any(path.name.isdecimal() for path in tmp_path.iterdir())
        raise error

    monkeypatch.setattr(serving, "_verify", fail)
    with pytest.raises(error):
        export(model, tokenizer, tmp_path)
    assert list(tmp_path.iterdir()) == []


class PythonTokenizer(WordPieceTokenizer):
    """Calls back into Python, deep within a loop, as a server cannot."""

    def tokenize(self, texts):
        def strip(step, texts):
            stripped = tf.py_function(lambda texts: tf.strings.strip(texts), [texts], tf.string)
            return step + 1, tf.ensure_shape(stripped, [None])

        _, texts = tf.while_loop(lambda step, _: step < 1, strip, [0, texts])
        return super().tokenize(texts)


def test_an_operation_that_servers_lack_is_named(model, tokenizer, tmp_path, capfd):
    with pytest.raises(RuntimeError, match=r"does not have these operations: EagerPyFunc$"):
        export(model, PythonTokenizer(tokenizer.vocabulary), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in capfd.readouterr().err


def test_an_export_that_answers_otherwise_is_refused(model, tokenizer, tmp_path, monkeypatch):
    def other_weights(*args):
        scores = np.array(ask_model(*args))
        scores[-1] += [5e-5, -5e-5, 0]  # would pass in bfloat16
        return scores.tolist()

    ask_model = text_serving._ask_model
    monkeypatch.setattr(text_serving, "_ask_model", other_weights)
    with pytest.raises(RuntimeError, match=r"differ by up to [45]\.\de-05 from.*the model's"):
        export(model, tokenizer, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_dies_says_how(tmp_path, monkeypatch):
    script = tmp_path / "verify_export.py"
    script.write_text("import os, sys; print('last words', file=sys.stderr); sys.exit(3)")
    monkeypatch.setattr(serving, "__file__", str(tmp_path / "serving.py"))
    with pytest.raises(RuntimeError, match=r"(?s)exit status 3.*last words"):
        serving._verify(tmp_path / "export", {"task": "text"})


def test_check_of_operations_reads_every_function(tmp_path):
    graph = saved_model_pb2.SavedModel()
    graph_def = graph.meta_graphs.add().graph_def
    graph_def.node.add(name="a", op="FastWordpieceTokenizeWithOffsets")
    function = graph_def.library.function.add()
    function.signature.name = "inner"
    graph_def.node.add(name="b", op="inner")
    function.node_def.add(name="c", op="StatefulPartitionedCall")
    (tmp_path / "saved_model.pb").write_bytes(graph.SerializeToString())
    verify_export.check_ops(tmp_path, sorted(TEXT_OPS))
    function.node_def.add(name="d", op="Addons>SkipGramGenerateCandidates")
    function.node_def.add(name="e", op="PyFuncStateless")
    (tmp_path / "saved_model.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(ValueError, match="Addons>SkipGramGenerateCandidates, PyFuncStateless"):
        verify_export.check_ops(tmp_path, sorted(TEXT_OPS))


@pytest.mark.parametrize("part", ["node", "function", "nested"])
def test_what_the_server_runs_only_with_xla_is_named(tmp_path, part):
    graph = saved_model_pb2.SavedModel()
    graph_def = graph.meta_graphs.add().graph_def
    function = graph_def.library.function.add()
    function.signature.name = "inner"
    if part == "function":
        function.attr["_XlaMustCompile"].b = True
    else:
        function.attr["_XlaMustCompile"].b = False
        (function.node_def if part == "nested" else graph_def.node).add(name="a", op="XlaLaunch")
    (tmp_path / "saved_model.pb").write_bytes(graph.SerializeToString())
    named = "inner" if part == "function" else "XlaLaunch"
    with pytest.raises(ValueError, match=rf"only with XLA, .*: {named}\. Leave out jit_compile"):
        verify_export.check_ops(tmp_path, sorted(TEXT_OPS))


def test_a_function_that_xla_must_compile_is_found(tmp_path):
    inner = tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)
    spec = tf.TensorSpec([None], tf.float32)
    outer = tf.function(lambda x: {"y": inner(x)}, autograph=False).get_concrete_function(spec)
    tf.saved_model.save(tf.Module(), str(tmp_path), {"serving_default": outer})
    with pytest.raises(ValueError, match="TensorFlow Serving runs these only with XLA"):
        verify_export.check_ops(tmp_path, sorted(TEXT_OPS))


def test_how_a_server_forms_batches(exported):
    """The figures, read as TensorFlow Serving reads them: BatchingParameters of that version."""
    text = (exported / "batching_params.pbtxt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = dict(re.fullmatch(r"(\w+) \{ value: (\w+) \}", line).groups() for line in lines)
    assert found.pop("enable_large_batch_splitting") == "true"
    figures = {name: int(value) for name, value in found.items()}
    assert figures.keys() == {
        *("max_batch_size", "max_execution_batch_size"),
        *("batch_timeout_micros", "max_enqueued_batches"),
    }
    assert figures["max_execution_batch_size"] <= figures["max_batch_size"]
    # The longest request fits in the queue once it is divided.
    most = figures["max_enqueued_batches"] * figures["max_execution_batch_size"]
    assert figures["max_batch_size"] < most


def test_check_of_signatures_wants_the_batch_first(exported):
    meta_graph = read_graph(exported).meta_graphs[0]
    three, two = (
        {
            "serving_default": promise({"texts": STRINGS}, some),
            "classify": ["classify", {"inputs": STRINGS}, ranked_promise(some)],
        }
        for some in (SingleLabel(CLASS_NAMES[:count]) for count in (3, 2))
    )
    verify_export.check_signatures(meta_graph, three)
    with pytest.raises(ValueError, match="serving_default is not as promised"):
        verify_export.check_signatures(meta_graph, two)
    shape = meta_graph.signature_def["classify"].outputs["scores"].tensor_shape
    shape.dim[0].size = 1
    with pytest.raises(ValueError, match=r"classify is not as promised.*\[1, 3\]"):
        verify_export.check_signatures(meta_graph, three)


def test_check_of_answers_sees_nan_order_and_wrong_labels():
    names = np.array([[b"no", b"yes"]], object)
    scores = np.array([[0.25, 0.75]], np.float32)
    answer = {"classes": names, "scores": scores, "label": names[:, 1], "score": scores[:, 1]}
    expected, tolerances = {"classes": names, "scores": scores}, {"model": 1e-5}
    verify_export.check_answer(answer, expected, tolerances, "here")
    with pytest.raises(ValueError, match="by up to nan from here: the model's scores"):
        verify_export.check_answer(
            answer, {**expected, "scores": scores * np.nan}, tolerances, "here"
        )
    other = {**expected, "classes": names[:, ::-1]}
    with pytest.raises(ValueError, match=r"here: classes: 1 are not the model's.*b'no', b'yes'"):
        verify_export.check_answer(answer, other, tolerances, "here")
    with pytest.raises(ValueError, match=r"here: classes have the shape \(0, 2\), not \(1, 2\)"):
        verify_export.check_answer({**answer, "classes": names[:0]}, expected, tolerances, "here")
    with pytest.raises(ValueError, match="label is not"):
        verify_export.check_label({**answer, "label": names[:, 0]})
    with pytest.raises(ValueError, match="highest of the scores"):
        verify_export.check_label({**answer, "score": scores[:, 0]})


def test_check_of_texts_allows_a_share_of_others():
    texts = np.array([b"a", b"b", b"c", b"d"], object)
    other = np.array([b"a", b"b", b"c", b"e"], object)
    verify_export.check_texts(other, texts, 0.25, "here")
    with pytest.raises(
        ValueError, match="here: 1 are not the model's, the first b'e' and not b'd'"
    ):
        verify_export.check_texts(other, texts, 0.2, "here")


class Stub(verify_export.Server):
    """Answers like a server; a text in the company of others gets another score."""

    def __init__(self, change):
        self.change = change

    def predict(self, columns):
        size = len(columns["texts"])
        change = self.change if size > 1 else 0
        scores = np.tile(np.array([[0.25 - change, 0.75 + change]], np.float32), (size, 1))
        classes = np.tile(np.array([[b"no", b"yes"]], object), (size, 1))
        return {"classes": classes, "scores": scores, "label": classes[:, 1], "score": scores[:, 1]}

    classify = predict


def test_check_of_answers_compares_with_a_text_alone():
    columns = {"texts": [b"one", b"two"]}
    expected = {
        "classes": np.array([[b"no", b"yes"]] * 2, object),
        "scores": np.array([[0.2, 0.8]] * 2, np.float32),
    }
    rest = (["serving_default", "classify"], expected, {"model": 0.1, "company": 0.01})
    verify_export.check_all_answers(Stub(0.005), columns, *rest)
    with pytest.raises(ValueError, match=r"2\.0e-02 from batches of 7: those of a row alone"):
        verify_export.check_all_answers(Stub(0.02), columns, *rest)
    with pytest.raises(ValueError, match=r"1\.5e-01 from batches of 7: the model's"):
        verify_export.check_all_answers(Stub(-0.1), columns, *rest)


@pytest.mark.slow
def test_bfloat16_weights_keep_the_scores(model, tokenizer, tmp_path):
    # Of ordinary weights: those of the fixture, three times as large, move scores by 0.026.
    model = TextClassifier.from_config(model.get_config())
    path = export(model, tokenizer, tmp_path, "bfloat16")  # makes its check, too
    weights = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    dtypes = {dtype.name for dtype in weights.get_variable_to_dtype_map().values()}
    assert "bfloat16" in dtypes
    loaded = tf.saved_model.load(str(path))
    answer = loaded.signatures["serving_default"](texts=tf.constant(EXAMPLES))
    expected = live_scores(model, tokenizer, EXAMPLES)
    difference = np.abs(answer["scores"].numpy() - expected).max()
    assert answer["scores"].dtype == tf.float32
    assert 1e-5 < difference < 0.02  # it is another precision, and near


def test_an_unknown_precision_is_refused(model, tokenizer, tmp_path):
    with pytest.raises(UserError, match=r"float32, bfloat16\. Received: 'int4'"):
        export(model, tokenizer, tmp_path, "int4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, 1001])
def test_check_of_warmup_requests_counts_them(tmp_path, count):
    (tmp_path / "assets.extra").mkdir()
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(count):
            writer.write(predict_request({"texts": [b"good"]}).SerializeToString())
    with pytest.raises(ValueError, match=f"there are {count} warm-up requests"):
        verify_export.check_warmup_requests(None, tmp_path)


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_a_destination_that_cannot_be_written(model, tokenizer, tmp_path, below):
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(UserError, match=f"{below}: an export cannot be written there"):
        export(model, tokenizer, tmp_path / below)
    assert (tmp_path / "file").read_text() == "not a directory"


def test_a_full_disk_is_the_users_to_mend(model, tokenizer, tmp_path, monkeypatch):
    def full(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "part-0; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(UserError, match="No space left on device"):
        export(model, tokenizer, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_line_breaks_in_labels_do_not_break_labels_txt(tmp_path):
    serving._asset(tmp_path / "labels.txt", ["one\nline", "two"])
    assert (tmp_path / "labels.txt").read_bytes() == b"one line\ntwo\n"


def test_an_export_needs_an_example(model, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="at least one example"):
        export_text_classifier(model, TextEncoder(tokenizer, 9), PROBLEM, tmp_path, [])


def read_graph(export: Path) -> saved_model_pb2.SavedModel:
    return saved_model_pb2.SavedModel.FromString((export / "saved_model.pb").read_bytes())
