"""Tags of words, spans of characters and files of both: what is read, and what is refused."""

import json
import logging
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.recipes.errors import UserError
from regard.recipes.tokens.corpus import generate_letters, to_conll
from regard.recipes.tokens.data import read_labelled_tokens, read_train_and_validation
from regard.recipes.tokens.evaluation import MISSING, check_kinds, entity_metrics, format_metrics
from regard.recipes.tokens.spans import read_spans
from regard.recipes.tokens.tags import class_names, entities_of, kinds_of, scheme_of

SEQEVAL = json.loads((Path(__file__).parent / "fixtures" / "seqeval.json").read_text("utf-8"))
CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""
EXPECTED = [("EU rejects German call", [(0, 2, "ORG"), (11, 17, "MISC")])]
EXPECTED.append(("Peter Blackburn", [(0, 15, "PER")]))


def rows_of(table):
    return list(zip(table.texts, table.entities, strict=True))


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, "utf-8")
    return str(path)


@pytest.mark.parametrize("scheme", SEQEVAL)
def test_entities_are_those_of_seqeval(scheme):
    golden = SEQEVAL[scheme]
    sentences = [*golden["marked"], *golden["said"]]
    found = [[list(each) for each in entities_of(tags)] for tags in sentences]
    assert found == golden["entities"]
    assert sum(map(len, found)) > 200


@pytest.mark.parametrize("scheme", SEQEVAL)
def test_scores_are_those_of_seqeval(scheme):
    golden = SEQEVAL[scheme]
    marked, said = ([entities_of(t) for t in golden[name]] for name in ("marked", "said"))
    metrics = entity_metrics(marked, said, ["PER", "LOC", "DATE"], 1)
    for name, scores in golden["report"].items():
        if name == "macro avg":
            assert metrics["macro_f1"] == pytest.approx(scores["f1-score"])
            continue
        own = metrics if name == "micro avg" else metrics["classes"][name]
        named = {"precision": "precision", "recall": "recall", "f1-score": "f1"}
        for theirs, ours in named.items():
            assert own[ours] == pytest.approx(scores[theirs]), (name, theirs)
    assert metrics["num_entities"] == golden["report"]["micro avg"]["support"]


def test_scores_by_hand():
    marked = [[(0, 2, "A"), (3, 5, "B")], [(0, 4, "A")], []]
    said = [[(0, 2, "A"), (3, 6, "B")], [(0, 4, "B")], [(1, 2, "A")]]
    metrics = entity_metrics(marked, said, ["A", "B"], 9)
    assert (metrics["precision"], metrics["recall"]) == (0.25, pytest.approx(1 / 3))
    assert metrics["classes"]["A"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert metrics["class_names"] == ["A", "B", MISSING]
    # Down what is marked, across what is found: A, B, nothing.
    assert metrics["confusion_matrix"] == [[1, 1, 0], [0, 0, 1], [1, 1, 0]]
    assert "F1         0.2857\n" in format_metrics(metrics)
    nothing = entity_metrics([[]], [[]], ["A"], 0)
    assert (nothing["f1"], nothing["macro_f1"]) == (0.0, 0.0)
    with pytest.raises(UserError, match=r"x: every entity .* Received: 'C' \(2\)\. .* saw: 'A'"):
        check_kinds([[(0, 1, "C"), (2, 3, "C")]], ["A"], "x")


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("O B-X I-X O B-X", "IOB2"),
        ("I-X I-X B-X O I-Y", "IOB1"),
        ("B-X E-X O S-Y", "BIOES"),
        ("B-X L-X O U-Y", "BIOES"),
        ("X X O Y", "tags without prefixes"),
        ("I-X O B-X", "IOB1 and IOB2 together"),
    ],
)
def test_schemes(tags, scheme):
    assert scheme_of([tags.split()]) == scheme


def test_any_scheme_gives_the_same_entities():
    expected = [(0, 2, "X"), (2, 3, "X"), (4, 5, "Y")]
    for tags in (
        "B-X I-X B-X O B-Y",
        "I-X I-X B-X O I-Y",
        "B-X E-X S-X O S-Y",
        "B_X L_X U_X O U_Y",
    ):
        assert entities_of(tags.split()) == expected
    assert class_names({"Y", "X"}) == ["O", "B-X", "I-X", "B-Y", "I-Y"]
    assert kinds_of(class_names(["Y", "X"])) == ["X", "Y"]


@pytest.mark.parametrize("name", ["train.conll", "train.txt", "train.iob2", "train"])
def test_conll_2003(name, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "regard"):
        table = read_labelled_tokens(written(tmp_path, name, CONLL))
    assert rows_of(table) == EXPECTED
    assert "tags in IOB2; a model's own are IOB2" in caplog.text
    assert "lines passed over: 1 that begin a document, 0 comments" in caplog.text
    assert table.describe()["class_counts"] == {"MISC": 1, "ORG": 1, "PER": 1}


def test_two_columns_with_tabs_or_spaces_comments_and_line_ends(tmp_path, caplog):
    lines = "# id 1\tdomain=en\r\nEU\tB-ORG\r\n#\tO\r\n\r\n\r\nNew York\tB-LOC\r\n"
    with caplog.at_level(logging.INFO, "regard"):
        table = read_labelled_tokens(written(tmp_path, "train.tsv", lines))
    assert rows_of(table) == [("EU #", [(0, 2, "ORG")]), ("New York", [(0, 8, "LOC")])]
    assert "1 comment" in caplog.text
    spaced = read_labelled_tokens(written(tmp_path, "spaced.conll", "EU B-ORG\n# O\n"))
    assert rows_of(spaced) == [("EU #", [(0, 2, "ORG")])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("EU\n", r"row 1: a line must have a word and its tag, not only 'EU'"),
        ("EU O\na b O\n", r"row 1: a line must have 2 columns as the first, not 3, in row 2"),
        ("\n\nEU\tO\n\tO\n", r"row 3: a word or a tag is empty, in row 4"),
    ],
)
def test_a_bad_line_is_named_or_its_sentence_left_out(content, message, tmp_path, caplog):
    path = written(tmp_path, "bad.conll", content)
    with pytest.raises(UserError, match=message):
        read_labelled_tokens(path)
    good = written(tmp_path, "good.conll", f"{CONLL}\n{content.strip()}\n\nEU O O O\n")
    table = read_labelled_tokens(good, skip_bad_rows=True)
    assert rows_of(table) == [*EXPECTED, ("EU", [])]
    assert (table.num_skipped, "bad rows left out: 1" in caplog.text) == (1, True)


TEXT = "Ada 😀 lives in Rome."
SPANS = [(0, 3, "PER"), (15, 19, "LOC")]


@pytest.mark.parametrize(
    "row",
    [
        {"text": TEXT, "label": [[0, 3, "PER"], [15, 19, "LOC"]]},  # Doccano
        {"text": TEXT, "entities": [list(each) for each in SPANS]},  # spaCy
        {"text": TEXT, "annotations": {"entities": [list(each) for each in SPANS]}},
        {
            "text": TEXT,
            "spans": [{"start": s, "end": e, "label": label} for s, e, label in SPANS],
            "answer": "accept",  # Prodigy
        },
        {
            "text": TEXT,
            "entities": [
                {"id": 1, "start_offset": s, "end_offset": e, "label": label}
                for s, e, label in SPANS
            ],
        },
        {"sentence": TEXT, "spans": json.dumps(SPANS)},
    ],
    ids=["doccano", "spacy", "spacy-nested", "prodigy", "doccano-objects", "as-json"],
)
def test_spans_as_tools_write_them(row, tmp_path):
    path = written(tmp_path, "notes.jsonl", f"{json.dumps(row)}\n" * 2)
    assert rows_of(read_labelled_tokens(path)) == [(TEXT, SPANS)] * 2


def label_studio(*results, **annotation):
    """A task as Label Studio exports it, of one annotator."""
    found = [
        {
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": s, "end": e, "text": text, "labels": [label]},
        }
        for s, e, text, label in results
    ]
    return {"id": 1, "result": found, "was_cancelled": False, **annotation}


@pytest.mark.parametrize("units", ["characters", "of UTF-16, as browsers count"])
@pytest.mark.parametrize("name", ["annotations", "completions"])
def test_spans_of_label_studio(name, units, tmp_path, caplog):
    """Relations between spans are none, and an empty list is a text without entities."""
    shift = units != "characters"  # by the emoji
    marked = label_studio((0, 3, "Ada", "PER"), (15 + shift, 19 + shift, "Rome", "LOC"))
    marked["result"].append({"type": "relation", "from_id": "a", "to_id": "b"})
    skipped = label_studio((0, 1, "A", "LOC"), was_cancelled=True)
    second = label_studio((0, 1, "A", "LOC"))
    tasks = [
        {"id": 1, "data": {"text": TEXT}, name: [skipped, marked, second]},
        {"id": 2, "data": {"text": "nobody"}, name: [label_studio()]},
    ]
    path = written(tmp_path, "project.json", json.dumps(tasks))
    assert rows_of(read_labelled_tokens(path)) == [(TEXT, SPANS), ("nobody", [])]
    assert "texts that several have annotated, of whom the first one counts: 1" in caplog.text


def test_a_task_of_label_studio_that_nobody_marked_is_left_out(tmp_path, caplog):
    tasks = [
        {"data": {"text": "Ada"}, "annotations": [label_studio((0, 3, "Ada", "PER"))]},
        {"data": {"text": "Rome"}, "annotations": []},
        {"data": {"text": "Oslo"}, "annotations": [label_studio(was_cancelled=True)]},
    ]
    path = written(tmp_path, "project.json", json.dumps(tasks))
    assert rows_of(read_labelled_tokens(path)) == [("Ada", [(0, 3, "PER")])]
    assert "tasks that nobody annotated, left out: 2" in caplog.text


def test_spans_that_python_spells_in_a_csv(tmp_path):
    cells = str(SPANS).replace('"', '""')
    path = written(tmp_path, "a.csv", f'text,entities\n{TEXT},"{cells}"\nnobody,"[]"\n')
    assert rows_of(read_labelled_tokens(path)) == [(TEXT, SPANS), ("nobody", [])]


def test_training_data_of_spacy_as_a_list(tmp_path):
    rows = [[f"{TEXT} {n}", {"entities": SPANS}] for n in range(9)]
    path = written(tmp_path, "a.json", json.dumps(rows))
    assert rows_of(read_labelled_tokens(path)) == [(row[0], SPANS) for row in rows]


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("column", ["Sentence #", "sentence_id", "sentence"])
def test_a_row_for_each_word(column, repeats, tmp_path, caplog):
    caplog.set_level("INFO", logger="regard")
    rows = [
        ("1", "Ada", "NNP", "B-PER"),
        ("1" if repeats else "", "lives", "VBZ", "O"),
        ("2", "in", "IN", "O"),
        ("2" if repeats else "", "Rome", "NNP", "B-LOC"),
    ]
    lines = "".join(",".join(row) + "\n" for row in rows)
    path = written(tmp_path, "a.csv", f"{column},Word,POS,Tag\n{lines}")
    table = read_labelled_tokens(path)
    assert rows_of(table) == [("Ada lives", [(0, 3, "PER")]), ("in Rome", [(3, 7, "LOC")])]
    assert (table.text_column, table.label_column) == ("Word", "Tag")
    assert f"a row a word: 'Word', with the tag in 'Tag', sentences by {column!r}" in caplog.text
    bad = written(tmp_path, "b.csv", f"{column},Word,POS,Tag\n{lines}3,x,y\n4,,IN,O\n5,z,Z,O\n")
    with pytest.raises(UserError, match=r"b.csv, row 4: its fields.*, in row 6.*in all: 2"):
        read_labelled_tokens(bad)
    assert read_labelled_tokens(bad, skip_bad_rows=True).texts == ["Ada lives", "z"]


def test_texts_with_marks_of_brat(tmp_path, caplog):
    folder = tmp_path / "notes"
    folder.mkdir()
    lines = ["T1\tPER 0 3\tAda", "T2\tLOC 15 19\tRome", "R1\tLives Arg1:T1 Arg2:T2", ""]
    written(folder, "a.txt", TEXT)
    written(folder, "a.ann", "\n".join([*lines, "T3\tPER 0 3;4 5\tAda x", "#1\tNote T1\tso"]))
    written(folder, "b.txt", "nobody")
    written(folder, "b.ann", "")
    written(folder, "c.ann", "T1\tPER 0 3\tAda")
    written(folder, "d.txt", "Ada")
    written(folder, "d.ann", "T1 PER 0 3")
    with pytest.raises(UserError, match=r"row c.ann: there is no c.txt beside it.*in all: 2"):
        read_labelled_tokens(str(folder))
    table = read_labelled_tokens(str(folder), skip_bad_rows=True)
    assert rows_of(table) == [(TEXT, SPANS), ("nobody", [])]
    assert "lines of relations, notes and the like, passed over: 2" in caplog.text
    assert "marks in several pieces, left out: 1" in caplog.text


def test_plain_text_is_no_file_of_words_with_tags(tmp_path):
    path = written(tmp_path, "a.txt", "Ada lives in Rome.\nShe likes the sea.\n")
    with pytest.raises(UserError, match=r"as O and B-PER do\. Received: 2 for 2 words, such as"):
        read_labelled_tokens(path)


def test_what_prodigy_did_not_accept_is_left_out_and_said(tmp_path, caplog):
    rows = [{"text": "a b", "spans": [], "answer": each} for each in ("accept", "reject", "ignore")]
    path = written(tmp_path, "notes.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert len(read_labelled_tokens(path)) == 1
    assert "rows that the annotator did not accept, left out: 2" in caplog.text


def test_spans_are_trimmed_and_kept_apart():
    counts = Counter()
    spans = [[4, 8, "B"], [0, 3, "A"], [0, 2, "C"], [3, 4, "D"]]
    assert read_spans("one two three", spans, counts) == [(0, 3, "A"), (4, 7, "B")]
    assert dict(counts) == {
        "spans with white space at their ends, which is left out": 2,
        "spans that lie within others or overlap them, left out": 1,
    }


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([[0, 99, "A"]], "which has 3 characters, not from 0 to 99"),
        ([[2, 2, "A"]], "within the text"),
        ([[0.0, 2, "A"]], "within the text"),
        ([{"start": 0, "end": 2}], "the label of a span must be a name, not None"),
        (["A"], r"a span must be \[start, end, label\]"),
        (7, "the spans must be a list, not 7"),
        ("[1", "the spans must be a list"),
        ("[" * 10**5, "the spans must be a list"),
    ],
)
def test_spans_that_are_none(cell, message):
    with pytest.raises(ValueError, match=message):
        read_spans("abc", cell, Counter())


def test_words_with_tags_in_json(tmp_path):
    rows = [
        {"tokens": ["Ada", "in", "Rome"], "ner_tags": ["B-PER", "O", "B-LOC"]},
        {"tokens": ["Ada", "in", "Rome"], "ner_tags": [1, 0, 2]},
    ]
    path = written(tmp_path, "words.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"row 2: the tag 1 is a number without a name: .*--tag-na"):
        read_labelled_tokens(path)
    table = read_labelled_tokens(path, tag_names="O,B-PER,B-LOC")
    assert rows_of(table) == [("Ada in Rome", [(0, 3, "PER"), (7, 11, "LOC")])] * 2
    with pytest.raises(UserError, match=r"row 2: a tag must be a name, or a number of 0 to 1"):
        read_labelled_tokens(path, tag_names="O,B-PER")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "a tag for each of the 2 words, not 1"),
        ({"tokens": ["a", ""], "ner_tags": ["O", "O"]}, "a word must be a text, not ''"),
        ({"tokens": 3, "ner_tags": ["O"]}, "there must be a text, or a list of words, not 3"),
        ({"text": " ", "spans": []}, "the text is empty"),
    ],
)
def test_rows_that_are_none(row, message, tmp_path):
    path = written(tmp_path, "words.jsonl", f"{json.dumps(row)}\n" * 2)
    with pytest.raises(UserError, match=rf"words\.jsonl, row 1: .*{message}"):
        read_labelled_tokens(path)


@pytest.mark.parametrize("spelling", ["List", "Sequence", "old"])
def test_parquet_of_the_hub_has_names_for_its_numbers(spelling, tmp_path):
    label = {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}
    feature = [label] if spelling == "old" else {"feature": label, "_type": spelling}
    metadata = {"huggingface": json.dumps({"info": {"features": {"ner_tags": feature}}})}
    columns = {"tokens": [["Ada", "Byron", "wrote"]], "ner_tags": [[1, 2, 0]]}
    table = pa.table(columns).replace_schema_metadata(metadata)
    parquet.write_table(table, tmp_path / "train.parquet")
    read = read_labelled_tokens(str(tmp_path / "train.parquet"))
    assert rows_of(read) == [("Ada Byron wrote", [(0, 9, "PER")])]


def test_columns_are_found_or_named(tmp_path, caplog):
    rows = {"body": ["Ada wrote"], "marks": [[[0, 3, "PER"]]], "text": ["x"]}
    table = read_labelled_tokens(rows, text_column="body", label_column="marks")
    assert rows_of(table) == [("Ada wrote", [(0, 3, "PER")])]
    assert (table.text_column, table.label_column) == ("body", "marks")
    with pytest.raises(UserError, match=r"tags of words or the entities\. Its columns: 'body'"):
        read_labelled_tokens(rows)
    with pytest.raises(UserError, match="there is no column 'none'"):
        read_labelled_tokens(rows, text_column="none")


def test_a_folder_with_splits(tmp_path):
    for split in ("train", "test"):
        written(tmp_path, f"{split}.conll", CONLL if split == "train" else "a O\n")
    assert rows_of(read_labelled_tokens(str(tmp_path))) == EXPECTED
    assert rows_of(read_labelled_tokens(str(tmp_path), "test")) == [("a", [])]


def test_letters_come_back_from_the_file_that_they_are_written_to(tmp_path):
    texts, entities = generate_letters(60, 3, held_out=True)
    path = written(tmp_path, "letters.conll", to_conll(texts, entities))
    table = read_labelled_tokens(path)
    for text, spans, (read, found) in zip(texts, entities, rows_of(table), strict=True):
        assert read.replace(" ", "") == text.replace(" ", "")
        marked = [(text[start:end], kind) for start, end, kind in spans]
        assert [(read[start:end], kind) for start, end, kind in found] == marked


def test_a_part_is_held_out_and_nothing_to_learn_is_said(tmp_path):
    texts, entities = generate_letters(50, 3, held_out=False)
    rows = {"text": texts, "spans": entities}
    train, validation = read_train_and_validation(rows, 0.2, seed=0)
    assert validation.is_held_out
    assert {*train.texts}.isdisjoint(validation.texts)
    assert len(train) + len(validation) == 50
    with pytest.raises(UserError, match="no text of 1 has an entity, so there is nothing to learn"):
        read_train_and_validation({"text": ["a b"], "spans": [[]]}, 0.2, seed=0)
