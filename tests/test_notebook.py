"""A notebook, executed: it fits, shows how far it is, predicts, and shows the report."""

import nbformat
import pytest
from nbclient import NotebookClient

from regard.recipes.text.demo import write_reviews
from regard.recipes.text.reviews import generate_reviews

pytestmark = pytest.mark.slow  # a kernel of its own does what the tests of `fit_text` do
CELLS = {
    "fit": """
        import regard
        small = dict(epochs=2, preset="tiny", teacher=False, refit=False, max_sequence_length=32)
        run = regard.fit_text("reviews.csv", output="runs/reviews", **small)
    """,
    "run": "run",
    "predict": "run.predict(['A lovely little hotel.', 'The room was dirty.'])",
    "history": "[row['epoch'] for row in run.history], run.embed(['A lovely hotel.']).shape",
    "report": """
        from IPython.display import Image
        Image("runs/reviews/report/confusion_matrix.png")
    """,
    "data frame": """
        import pandas
        frame = pandas.read_csv("reviews.csv")
        len(run.predict(frame.head()))
    """,
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell shows, by its name."""
    folder = tmp_path_factory.mktemp("notebook")
    write_reviews(folder / "reviews.csv", *generate_reviews(200, seed=0, held_out=False))
    cells = [nbformat.v4.new_code_cell(dedented(text)) for text in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=200, kernel_name="python3")
    client.execute(cwd=str(folder))
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def dedented(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def text_of(outputs):
    """All that outputs say, in words."""
    parts = [each.get("text", each.get("data", {}).get("text/plain", "")) for each in outputs]
    return "".join(parts)


def test_it_shows_how_far_it_is(outputs):
    shown = text_of(outputs["fit"])
    lines = [line.rpartition("\r")[2] for line in shown.splitlines()]
    assert "%|" in shown  # a bar
    for start in ("Loading TensorFlow", "Training on ", "180 texts to learn", "epoch 2/2: loss"):
        assert sum(start in line for line in lines) == 1, (start, shown)


def test_it_says_what_the_run_is(outputs):
    shown = text_of(outputs["run"])
    assert shown.startswith("<TextRun: a text classifier of reviews.csv; accuracy 0.")
    assert shown.endswith("; in runs/reviews>")


def test_it_predicts(outputs):
    assert text_of(outputs["predict"]).count("Prediction(text=") == 2
    assert text_of(outputs["history"]) == "([1, 2], (1, 128))"


def test_it_shows_the_report(outputs):
    assert "image/png" in outputs["report"][0]["data"]


def test_it_predicts_on_a_data_frame(outputs):
    assert text_of(outputs["data frame"]) == "5"
