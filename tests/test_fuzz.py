"""A short pass of `make fuzz`: what is read from others is read, or refused as declared."""

import pytest

from fuzz.parsers import PARSERS
from fuzz.trials import Trial

INPUTS = 80  # of a parser; of one that runs TensorFlow a tenth

pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries, about what is damaged


@pytest.mark.parametrize("name", PARSERS)
def test_damaged_files_are_refused(name, tmp_path):
    trial = Trial(name, 0, tmp_path)
    trial.check_sound()
    count = INPUTS // 10 if trial.parser.has_tensorflow else INPUTS
    wrong = [trial.read(*trial.input(number)) for number in range(count)]
    assert list(filter(None, wrong)) == []


def test_inputs_follow_from_the_seed(tmp_path):
    first, second, other = (Trial("csv", seed, tmp_path) for seed in (0, 0, 1))
    assert [first.input(n) for n in range(9)] == [second.input(n) for n in range(9)]
    assert [first.input(n) for n in range(9)] != [other.input(n) for n in range(9)]


def test_what_is_no_refusal_is_told(tmp_path, monkeypatch):
    csv = PARSERS["csv"]
    monkeypatch.setitem(PARSERS, "csv", csv._replace(read=lambda _: {}["x"]))
    trial = Trial("csv", 0, tmp_path / "sound")
    assert trial.try_kept(5, tmp_path / "found").startswith("csv-0-5: KeyError in ")
    assert [path.name for path in (tmp_path / "found").iterdir()] == ["csv-0-5"]
