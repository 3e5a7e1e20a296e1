"""Files of texts and their translations: tables of pairs, and translation memories."""

import gzip

import pytest

from regard.recipes.errors import UserError
from regard.recipes.translation.data import read_parallel_texts

# Pairs of texts

TATOEBA = "77\tLet's try it.\t12\tProbieren wir es!\n78\tGo.\t13\tGeh.\n79\tRun!\t14\tLauf!\n"
ANKI = "Go.\tGeh.\tCC-BY 2.0 (France) #1 (x)\nHi.\tHallo!\tCC-BY 2.0 (France) #2 (y)\n" + "".join(
    f"Number {i}.\tNummer {i}.\tCC-BY 2.0 (France) Attribution: somewhere #{i} (someone) and #{i}\n"
    for i in range(9)
)
TMX = """<?xml version="1.0"?><tmx version="1.4"><header srclang="de-DE" segtype="sentence"/><body>
<tu><tuv xml:lang="en"><seg>A <bpt>&lt;b&gt;</bpt>big<ept>&lt;/b&gt;</ept> dog</seg></tuv>
<tuv xml:lang="de-DE"><seg>Ein <hi>großer</hi> Hund</seg></tuv></tu>
<tu><tuv xml:lang="de-DE"><seg>Ja</seg></tuv><tuv xml:lang="en"><seg>Yes</seg></tuv></tu>
</body></tmx>"""


@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.txt", "pairs.tsv.gz"])
def test_pairs_with_tabs_as_tatoeba_writes_them(write, name):
    compress = gzip.compress if name.endswith(".gz") else bytes
    pairs = read_parallel_texts(write(name, compress(TATOEBA.encode("utf-8-sig"))))
    assert pairs.sources == ["Let's try it.", "Go.", "Run!"]
    assert pairs.targets == ["Probieren wir es!", "Geh.", "Lauf!"]


def test_pairs_with_tabs_as_anki_writes_them(write):
    pairs = read_parallel_texts(write("deu.txt", ANKI))
    assert (pairs.sources[:2], pairs.targets[:2]) == (["Go.", "Hi."], ["Geh.", "Hallo!"])


def test_translation_memories(write):
    pairs = read_parallel_texts(write("a.tmx", TMX))
    assert pairs.columns == ("de-de", "en")
    assert pairs.sources == ["Ein großer Hund", "Ja"]
    assert pairs.targets == ["A big dog", "Yes"]
    with pytest.raises(UserError, match=r"b\.tmx is not a sound TMX file"):
        read_parallel_texts(write("b.tmx", TMX[:-20]))


# Translation memories as programs write them


def unit(**segments):
    variants = (
        f'<tuv xml:lang="{each}"><seg>{text}</seg></tuv>' for each, text in segments.items()
    )
    return f"<tu>{''.join(variants)}</tu>".replace("_", "-")


def memory_of(*units, head="<tmx>"):
    return f'{head}<header srclang="en"/><body>{"".join(units)}</body></tmx>'


def test_units_with_one_of_the_languages_are_counted(write, caplog):
    units = unit(en="Yes", de="Ja"), unit(en="No"), unit(de="Haus"), unit(en="Go", de="Geh")
    with caplog.at_level("INFO", "regard"):
        pairs = read_parallel_texts(write("a.tmx", memory_of(*units)))
    assert (pairs.sources, pairs.targets, pairs.num_skipped) == (["Yes", "Go"], ["Ja", "Geh"], 2)
    assert "units without one of the languages, passed over: 2, first row 2" in caplog.text


def test_variants_of_a_language_that_share_no_unit_are_one(write, caplog):
    units = unit(en_US="Yes", de="Ja"), unit(en="No", de_DE="Nein"), unit(EN_us="Go", de="Geh")
    with caplog.at_level("INFO", "regard"):
        pairs = read_parallel_texts(write("a.tmx", memory_of(*units)))
    assert (pairs.sources, pairs.columns) == (["Yes", "No", "Go"], ("en", "de"))
    assert "taken as one language, en, by units: en-us (2), en (1)" in caplog.text
    both = unit(en_US="color", en_GB="colour", de="Farbe"), unit(en_US="Yes", en_GB="Yes", de="Ja")
    path = write("b.tmx", memory_of(*both))
    columns = {"source_column": "en-gb", "target_column": "de"}
    assert read_parallel_texts(path, **columns).sources == ["colour", "Yes"]


def test_other_ways_to_write_a_memory(write):
    within = unit(en="Yes", de="Ja")
    path = write("a.tmx", memory_of(within, head='<tmx xmlns="http://www.lisa.org/tmx14">'))
    assert read_parallel_texts(path).sources == ["Yes"]
    path = write("b.tmx", memory_of(within.replace("xml:lang", "lang")))
    assert read_parallel_texts(path).columns == ("en", "de")
    head = '<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4">'
    assert read_parallel_texts(write("c.xml", memory_of(within, head=head))).targets == ["Ja"]
