"""The tokenizer beside Hugging Face's own, which computes what BERT was trained with."""

import json
import random
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf
from tokenizers import AddedToken, BertWordPieceTokenizer, Tokenizer

from regard.recipes.errors import UserError
from regard.recipes.serving.server_ops import TEXT_OPS
from regard.recipes.tokenizers.checkpoint_files import UNLIMITED
from regard.recipes.tokenizers.normalization import BertNormalization
from regard.recipes.tokenizers.pieces import SPECIAL_TOKENS, SpecialTokens
from regard.recipes.tokenizers.ragged import sequence_lengths
from regard.recipes.tokenizers.strings import as_bytes
from regard.recipes.tokenizers.vocabulary import has_spaces, learn_vocabulary
from regard.recipes.tokenizers.wordpiece import WordPieceTokenizer

TEXTS = [
    "The café's crème brûlée was UNBELIEVABLY good!!!",
    "don't re-book; it's £100/night (really?)",
    "房间很干净，服务员态度非常好。下次还会再来！",
    "ＡＢＣ１２３，全角字符。【好】《书》",
    "mixed 中文and English混排text",
    "e\u0301 vs \u00e9, ﬁnancial, Straße, ΣΊΣΥΦΟΣ, İstanbul, ǅungla",
    "zero\u200bwidth\u200djoiner soft\u00adhyphen bom\ufeff",
    "tab\tnewline\ncarriage\rbell\x07null\x00delete\x7fnext\x85line",
    "nbsp\u00a0em\u2003ideographic\u3000line\u2028paragraph\u2029",
    "emoji 😀👩‍👩‍👧🇨🇳❤️ and ™ © ® € ¥",
    "عربي עברית ไทย हिन्दी 한국어 日本語カタカナ",
    "x" * 100 + " " + "y" * 101 + " " + "é" * 100,
    "中" * 120,
    "a-b_c~d`e^f|g<h>i=j+k$l",
    "𠀀𪜀﨎豈 \U0001f600",
    "",
    "   ",
]
STRESS_RANGES = (
    (0x20, 0x7E),  # ASCII
    (0xC0, 0x24F),  # accented Latin
    (0x300, 0x36F),  # combining marks
    (0x391, 0x3C9),  # Greek
    (0x5D0, 0x5EA),  # Hebrew
    (0x621, 0x64A),  # Arabic
    (0x4E00, 0x9FFF),  # Chinese
    (0xAC00, 0xD7A3),  # Hangul
    (0x200B, 0x200F),  # zero-width and direction marks
    (0x00, 0x1F),  # controls
    (0xFF01, 0xFF5E),  # full-width
    (0x1F300, 0x1F64F),  # emoji
)


# The first three are how English, German and Chinese people write; each line takes one of them.
WORDS = (
    "the a room was clean lovely don't we've stayed twice breakfast £100 10:30 p.m. Wi-Fi U.S. "
    'café naïve unbelievably well-kept staff\'s (really) "quoted" ... !? e-mail@host.org 50% #1',
    "der die das ein Mädchen läuft über die Straße größer Übung schön Füße Ärger Öl Haus Fußball "
    "und im Frühstücksraum draußen süß, heißt weiß-blau »Café« Jahre 1990er",
    "房间 很 干净 服务员 态度 非常 好 下次 还会 再来 ！ ，。 早餐 一般 、 性价比 高 ￥ 300 元 "
    "“不错” ＡＢＣ １２３ OK啦 位置 在 市中心",
)
SPELLINGS = (str, str, str, str.capitalize, str.upper, str.title)


def natural_lines(count):
    rng = random.Random(1)
    words = [line.split() for line in WORDS]
    for _ in range(count):
        language = rng.choice(words)
        drawn = rng.choices(language, k=rng.randint(1, 25))
        if rng.random() < 0.05:
            drawn.append(rng.choice(SPECIAL_TOKENS) + rng.choice(("", "s", ".")))
        line = rng.choice(("", " ", " ", "  ")).join(drawn)
        yield rng.choice(SPELLINGS)(line)


def stress_lines(count):
    rng = random.Random(0)
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 60)):
            character = chr(rng.randint(*rng.choice(STRESS_RANGES)))
            repeats = rng.choice((1,) * 40 + (150,))
            parts.append(" " if rng.random() < 0.2 else character * repeats)
            if rng.random() < 0.02:
                parts.append(rng.choice(SPECIAL_TOKENS))
        yield "".join(parts)


LINES = [*TEXTS, *natural_lines(8000), *stress_lines(3000)]


@pytest.fixture(scope="module")
def vocabularies():
    """A cased and an uncased vocabulary, which have pieces in all of the writing systems."""
    sample = [*LINES[:300], *LINES[-1500:]]
    return {
        lowercase: learn_vocabulary(sample, 3000, min_frequency=1, lowercase=lowercase)
        for lowercase in (True, False)
    }


def peer_of(vocabulary, lowercase=True, strip_accents=None, split_chinese=True, clean_text=True):
    return BertWordPieceTokenizer(
        {piece: index for index, piece in enumerate(vocabulary)},
        lowercase=lowercase,
        strip_accents=strip_accents,
        handle_chinese_chars=split_chinese,
        clean_text=clean_text,
    )


def different_lines(tokenizer, peer, lines):
    expected = peer.encode_batch(lines, add_special_tokens=False)
    actual = tokenizer.tokenize(tf.constant(lines)).to_list()
    return [line for line, a, b in zip(lines, actual, expected, strict=True) if a != b.ids]


@pytest.mark.parametrize(
    ("lowercase", "options"),
    [
        (True, {}),
        (False, {}),
        (True, {"strip_accents": False}),
        (False, {"strip_accents": True}),
        (True, {"split_chinese": False}),
        (False, {"clean_text": False}),
    ],
)
def test_token_ids_equal_hugging_face(lowercase, options, vocabularies):
    lines = LINES if not options else LINES[::3]
    vocabulary = vocabularies[lowercase]
    tokenizer = WordPieceTokenizer(vocabulary, BertNormalization(lowercase, **options))
    peer = peer_of(vocabulary, lowercase, **options)
    assert different_lines(tokenizer, peer, lines) == []


# Their category has changed since Unicode 8, from which Hugging Face's tokenizers have it.
CHANGED = "\u166d\u1734\u1885\u1886"


@pytest.mark.parametrize(("lowercase", "clean_text"), [(True, True), (False, False)])
def test_characters_are_treated_as_in_hugging_face(lowercase, clean_text):
    """Every character of Unicode 3.2; of all that there are today, some 680 are treated otherwise,
    rare ones of a newer Unicode, because each side has the tables of another version of it.
    """
    category = unicodedata.ucd_3_2_0.category
    characters = [chr(code) for code in range(1, sys.maxunicode) if not 0xD800 <= code < 0xE000]
    known = [c for c in characters if category(c) not in ("Cn", "Co") and c not in CHANGED]
    lines = [" ".join(f"a{c}B" for c in known[i : i + 200]) for i in range(0, len(known), 200)]
    peer = peer_of(SPECIAL_TOKENS, lowercase, clean_text=clean_text)
    tokenizer = WordPieceTokenizer(
        SPECIAL_TOKENS, BertNormalization(lowercase, clean_text=clean_text)
    )
    actual = tokenizer.split_words(tf.constant(lines)).to_list()
    for line, words in zip(lines, actual, strict=True):
        split = peer.pre_tokenizer.pre_tokenize_str(peer.normalizer.normalize_str(line))
        assert [word.decode() for word in words] == [word for word, _ in split]


def test_words_by_hand():
    tokenizer = WordPieceTokenizer(SPECIAL_TOKENS)
    words = tokenizer.split_words(tf.constant(["Café, 很好Ｏk"])).to_list()[0]
    assert [word.decode() for word in words] == ["cafe", ",", "很", "好", "ｏk"]


def test_special_tokens_are_found_in_the_text_as_written():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "mask", "[", "]"])
    texts = tf.constant(["[MASK]x[mask][SEP]", "[MA\u200bSK] [PAD ]", "[[CLS]]\U00100000[MASK]"])
    assert tokenizer.tokenize(texts).to_list() == [
        [4, 1, 6, 5, 7, 3],
        [6, 5, 7, 6, 1, 7],
        [6, 2, 7, 4],
    ]


def test_special_tokens_may_have_other_names():
    names = SpecialTokens(pad="<pad>", unk="<unk>", cls="<s>", sep="</s>", mask="<mask>")
    tokenizer = WordPieceTokenizer([*names.all, "a", "b"], special_tokens=names)
    encoded = tokenizer.encode(tf.constant(["a<mask>b [MASK]"]), 9)
    assert encoded.to_list() == [[2, 5, 4, 6, 1, 1, 1, 3]]
    assert (tokenizer.pad_id, tokenizer.mask_id) == (0, 4)


@pytest.mark.parametrize("lowercase", [True, False])
def test_added_tokens_equal_hugging_face(lowercase, vocabularies):
    added = [
        AddedToken("Covid"),  # found in the normalized text, so "COVIDS" has it as well
        AddedToken("New York"),
        AddedToken("好吃"),
        AddedToken("ab", normalized=False),
        AddedToken("abc", normalized=False),
        AddedToken("<e1>", special=True),
        AddedToken("<covid>", special=True),
        AddedToken("[MASK]", lstrip=True, special=True, normalized=True),
    ]
    lines = [
        "covid COVIDS x<covid>x<COVID> new york NEW  YORK New Yorker",
        "好吃好吃 很好吃了 好 吃",
        "ababcabcd ABC ab\u0301 <e1><E1> <e1>",
        "a [MASK] [mask]b",
    ]
    vocabulary = vocabularies[lowercase]
    tokenizer = WordPieceTokenizer(vocabulary, BertNormalization(lowercase), added_tokens=added)
    peer = peer_of(vocabulary, lowercase)
    peer.add_tokens(added)
    assert different_lines(tokenizer, peer, lines) == []
    assert tokenizer.vocabulary[len(vocabulary) :] == [token.content for token in added[:-1]]


def test_longer_words_are_unknown():
    vocabulary = [*SPECIAL_TOKENS, "a", "##a"]
    tokenizer = WordPieceTokenizer(vocabulary, max_word_characters=8)
    texts = tf.constant(["a" * 8 + " " + "a" * 9 + "[MASK]"])
    assert tokenizer.tokenize(texts).to_list() == [[5, *[6] * 7, 1, 4]]


def test_pieces_that_go_on_with_a_word():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "##b", "#"])
    assert tokenizer.is_continuation.tolist() == [False] * 6 + [True, False]


def test_encode_adds_special_tokens_and_cuts():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "##b"])
    encoded = tokenizer.encode(tf.constant(["ab a q", "", "a a a a a a"]), max_sequence_length=5)
    assert encoded.to_list() == [[2, 5, 6, 5, 3], [2, 3], [2, 5, 5, 5, 3]]


def test_pack_pads_to_the_longest_or_to_a_length():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a"])
    encoded = tokenizer.encode(tf.constant(["a a", ""]), max_sequence_length=8)
    inputs = tokenizer.pack(encoded)
    assert inputs["token_ids"].numpy().tolist() == [[2, 5, 5, 3], [2, 3, 0, 0]]
    assert inputs["padding_mask"].numpy().tolist() == [[True] * 4, [True, True, False, False]]
    assert inputs["segment_ids"].numpy().tolist() == [[0] * 4] * 2
    assert tokenizer.pack(encoded, length=7)["padding_mask"].shape == (2, 7)


def test_pairs_are_cut_as_in_hugging_face(vocabularies):
    rng = random.Random(2)
    texts = [" ".join(rng.choices(WORDS[0].split(), k=rng.randint(0, 12))) for _ in range(600)]
    pairs = [*zip(texts[:300], texts[300:], strict=True), ("", ""), ("[SEP] a", "b [SEP]")]
    tokenizer = WordPieceTokenizer(vocabularies[True])
    peer = peer_of(vocabularies[True])
    for length in (3, 4, 5, 10, 17, 64):
        peer.enable_truncation(length)
        expected = peer.encode_batch(pairs)
        token_ids = tokenizer.encode_all(pairs, length)
        assert token_ids.merge_dims(1, 2).to_list() == [each.ids for each in expected]
        assert sequence_lengths(token_ids).numpy().tolist() == [len(each.ids) for each in expected]
        inputs = tokenizer.pack(token_ids)
        segment_ids = tf.ragged.boolean_mask(inputs["segment_ids"], inputs["padding_mask"])
        assert segment_ids.to_list() == [each.type_ids for each in expected]


def test_pairs_are_packed():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a", "b"])
    encoded = tokenizer.encode_pairs(tf.constant(["a a", ""]), tf.constant(["b", "b"]), 16)
    assert encoded.to_list() == [[[2, 5, 5, 3], [6, 3]], [[2, 3], [6, 3]]]
    inputs = tokenizer.pack(tf.gather(encoded, [1, 0]), length=7)
    assert inputs["token_ids"].numpy().tolist() == [[2, 3, 6, 3, 0, 0, 0], [2, 5, 5, 3, 6, 3, 0]]
    assert inputs["segment_ids"].numpy().tolist() == [[0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]]
    assert inputs["padding_mask"].numpy().sum(axis=1).tolist() == [4, 6]


def test_pairs_have_operations_that_servers_have():
    tokenizer = WordPieceTokenizer(SPECIAL_TOKENS)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)] * 2, autograph=False)
    def encode(first, second):
        return tokenizer.pack(tokenizer.encode_pairs(first, second, 16))

    graph = encode.get_concrete_function().graph
    nodes = [*graph.as_graph_def().node]
    nodes += [node for each in graph.as_graph_def().library.function for node in each.node_def]
    strange = {node.op for node in nodes if not hasattr(tf.raw_ops, node.op)} - TEXT_OPS
    assert strange == set()
    assert encode(tf.constant([], tf.string), tf.constant([], tf.string))["token_ids"].shape[0] == 0


def test_strings_that_are_not_unicode_are_taken():
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "a"])
    texts = as_bytes(["a \ud83d", "a \udcff", b"a \xed\xa0\xbd\xff", "a 😀"])
    assert tokenizer.tokenize(texts).to_list() == [[5], [5], [5], [5, 1]]


def test_vocabulary_has_the_size_asked_for_and_is_ordered():
    vocabulary = learn_vocabulary(TEXTS * 5, size=300)
    assert vocabulary[:5] == list(SPECIAL_TOKENS)
    assert len(vocabulary) == len(set(vocabulary)) == 300
    assert vocabulary[5:] == sorted(vocabulary[5:])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["A fine room.", "Ein schönes Zimmer"], True),
        (["The word 好 means good"], True),
        (["房间很好。", "很好"], False),
        (["とてもいい"], False),
        (["ดีมาก"], False),
        (["좋은 방", "хорошо"], True),
        ([], True),
    ],
)
def test_scripts_with_spaces(texts, expected):
    assert has_spaces(texts) is expected


def test_rare_characters_are_unknown():
    texts = ["aa bb aa bb"] * 5 + ["龘"]
    vocabulary = learn_vocabulary(texts, size=50, min_frequency=2)
    assert "龘" not in vocabulary
    assert WordPieceTokenizer(vocabulary).tokenize(tf.constant(["龘"])).to_list() == [[1]]


def test_pieces_that_the_operation_cannot_hold_are_not_learned():
    rng = random.Random(0)
    sentence = "".join(chr(rng.randint(0x0E01, 0x0E2E)) for _ in range(95))  # Thai has no spaces
    vocabulary = learn_vocabulary([sentence] * 20, size=400)
    assert len(sentence.encode()) == 285
    assert 128 < max(len(piece.encode()) for piece in vocabulary) <= 256
    token_ids = WordPieceTokenizer(vocabulary).tokenize(tf.constant([sentence]))
    assert 1 not in token_ids.to_list()[0]


def test_vocabulary_is_the_same_in_every_process():
    code = (
        "from regard.recipes.tokenizers.vocabulary import learn_vocabulary as learn;"
        "texts = [f'word{i % 97}ing unit{i % 89}ed 很好{i % 83}' for i in range(2000)];"
        "print(repr(learn(texts, 600)))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


OPTIONS = {
    "usual": {},
    "cased": {
        "normalization": BertNormalization(lowercase=False, strip_accents=True, split_chinese=False)
    },
    "not as BertTokenizer": {
        "normalization": BertNormalization(clean_text=False),
        "max_word_characters": 20,
    },
    "other names": {"special_tokens": SpecialTokens(cls="<s>", mask="<mask>")},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_saved_gives_the_same_ids(name, tmp_path, vocabularies):
    options = OPTIONS[name]
    names = options.get("special_tokens", SpecialTokens())
    added = [AddedToken("<e1>", special=True), AddedToken("New York")]
    lowercase = options.get("normalization", BertNormalization()).lowercase
    vocabulary = [*names.all, *vocabularies[lowercase][5:]]
    tokenizer = WordPieceTokenizer(vocabulary, added_tokens=added, **options)
    tokenizer.save(tmp_path, max_sequence_length=12)
    loaded = WordPieceTokenizer.load(tmp_path)
    assert loaded.vocabulary == [*vocabulary, "<e1>", "New York"]
    assert {option: getattr(loaded, option) for option in options} == options
    assert loaded.model_max_length == 12

    peer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    texts = [*TEXTS, f"a<e1>{names.mask} new york"]
    for lines in (texts, list(zip(texts, texts[::-1], strict=True))):
        expected = peer.encode_batch(lines)
        for each in (tokenizer, loaded):
            inputs = each.pack(each.encode_all(lines, 12))
            for key, attribute in (("token_ids", "ids"), ("segment_ids", "type_ids")):
                actual = tf.ragged.boolean_mask(inputs[key], inputs["padding_mask"]).to_list()
                assert actual == [getattr(line, attribute) for line in expected]


PIECES = (*SPECIAL_TOKENS, "a", "É", "##b")
VOCABULARY = "\n".join(PIECES)
GENERIC = {"tokenizer_class": "PreTrainedTokenizerFast"}


def fast(change=lambda spec: None, pieces=PIECES, **options):
    """What a tokenizer.json holds, after a change to it."""
    tokenizer = peer_of(pieces, **options)
    tokenizer.enable_padding(length=9)
    spec = json.loads(tokenizer.to_str())
    change(spec)
    return spec


def write(directory, vocabulary=VOCABULARY, **files):
    """Writes a vocab.txt, and for each keyword a JSON file of that name."""
    if vocabulary is not None:
        (directory / "vocab.txt").write_bytes(vocabulary.encode())
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    return directory


def test_vocabulary_file_alone_is_bert_uncased(tmp_path):
    tokenizer = WordPieceTokenizer.load(write(tmp_path))
    assert tokenizer.vocabulary == list(PIECES)
    assert tokenizer.normalization == BertNormalization(True, None, True, True)
    assert tokenizer.model_max_length == UNLIMITED


@pytest.mark.parametrize(
    "lines", ["{}a\r\n\r\nb\r\na\r\n##b\r\n", "{}a\n\nb\na\n##b", "{}a \n\nb\na\t\n##b\n\n\n"]
)
def test_old_vocabulary_files(lines, tmp_path):
    end = "\r\n" if "\r" in lines else "\n"
    five = "".join(token + end for token in SPECIAL_TOKENS)
    tokenizer = WordPieceTokenizer.load(write(tmp_path, lines.format(five)))
    names = ["[no piece 5]", "[no piece 6]", "b", "a", "##b"]  # of equal lines, the last one counts
    assert tokenizer.vocabulary == [*SPECIAL_TOKENS, *names]
    assert tokenizer.tokenize(tf.constant(["ab b [no piece 5]"])).to_list()[0][:3] == [8, 9, 7]


def test_a_carriage_return_is_no_line_end(tmp_path):
    five = "".join(f"{token}\n" for token in SPECIAL_TOKENS)
    tokenizer = WordPieceTokenizer.load(write(tmp_path, f"{five}a\rb\nc\n"))
    assert tokenizer.vocabulary[5:] == ["[no piece 5]", "c"]


def test_config_decides_how_words_are_normalized(tmp_path, caplog):
    config = {"do_lower_case": False, "tokenize_chinese_chars": False, "model_max_length": 1e30}
    write(tmp_path, tokenizer=fast(), tokenizer_config=config)
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.normalization == BertNormalization(lowercase=False, split_chinese=False)
    assert tokenizer.model_max_length == UNLIMITED
    assert '"lowercase":true' in caplog.text
    assert '"lowercase":false' in caplog.text


def test_pieces_are_those_of_the_tokenizer_file(tmp_path):
    write(tmp_path, tokenizer=fast(pieces=(*SPECIAL_TOKENS, "z")), tokenizer_config={"max_len": 7})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.vocabulary[5:] == ["z"]
    assert tokenizer.model_max_length == 7


def test_of_a_generic_tokenizer_the_file_decides(tmp_path, caplog):
    spec = fast(lambda spec: spec["model"].update(max_input_chars_per_word=9), lowercase=False)
    write(tmp_path, tokenizer=spec, tokenizer_config={**GENERIC, "do_lower_case": True})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.normalization.lowercase is False
    assert tokenizer.max_word_characters == 9
    assert not caplog.text


def test_special_tokens_map_comes_before_the_config(tmp_path):
    token = {"content": "a", "lstrip": True, "rstrip": False, "single_word": False}
    config = {"mask_token": "É", "cls_token": "É"}
    write(tmp_path, tokenizer_config=config, special_tokens_map={"mask_token": token})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.special_tokens == SpecialTokens(mask="a", cls="É")
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({**config, "added_tokens_decoder": {"8": {"content": "<e>", "special": True}}})
    )
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.special_tokens == SpecialTokens(mask="É", cls="É")
    assert tokenizer.vocabulary[8:] == ["<e>"]


def test_tokens_of_added_tokens_file(tmp_path):
    config = {"additional_special_tokens": ["<e>"], "bos_token": "<b>"}
    write(tmp_path, tokenizer_config=config, added_tokens={"<e>": 9, "New": 8})
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.vocabulary[8:] == ["New", "<e>", "<b>"]
    assert tokenizer.tokenize(tf.constant(["NEW<e><E>[mask]"])).to_list() == [[8, 9, *[1] * 6]]


def changed(part, **changes):
    return lambda spec: spec[part].update(changes)


def with_token(**flags):
    flags = {"id": 8, "content": "<e>", "special": True, "normalized": False, **flags}
    usual = {"single_word": False, "lstrip": False, "rstrip": False}
    return lambda spec: spec["added_tokens"].append(usual | flags)


UNUSABLE = {
    "nothing": ({"vocabulary": None, "merges": {}}, r"must hold a tokenizer.json or BERT's vocab"),
    "no special token": ({"vocabulary": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"}, r"without \[MASK\]"),
    "another class": ({"tokenizer_config": {"tokenizer_class": "XLMRobertaTokenizer"}}, "XLMRob"),
    "another class in config.json": ({"config": {"tokenizer_class": "BertJapanese"}}, "BertJapan"),
    "generic without its file": ({"tokenizer_config": GENERIC}, "must hold a tokenizer.json. Rec"),
    "not JSON": ({"tokenizer_config": "{"}, r"tokenizer_config.json is damaged"),
    "no object": ({"special_tokens_map": "[1]"}, r"must hold a JSON object. Received: \[1\]"),
    "nested": ({"tokenizer_config": "[" * 10**5}, "tokenizer_config.json is damaged"),
    "no flag": ({"tokenizer_config": {"do_lower_case": "yes"}}, "`do_lower_case` .* 'yes'"),
    "no length": ({"tokenizer_config": {"model_max_length": 2}}, "at least 3. Received: 2"),
    "no number": ({"tokenizer_config": {"model_max_length": "512"}}, "Received: '512'"),
    "cut on the left": ({"tokenizer_config": {"truncation_side": "left"}}, "Received: 'left'"),
    "split": ({"tokenizer_config": {"split_special_tokens": True}}, "must be false"),
    "no token": ({"tokenizer_config": {"mask_token": 5}}, "must be a string, .* Received: 5"),
    "no flag of a token": (
        {"special_tokens_map": {"mask_token": {"content": "a", "lstrip": "no"}}},
        "`content` and flags. Received: .*'no'",
    ),
    "no tokens": ({"tokenizer_config": {"extra_special_tokens": 5}}, "a list or an object"),
    "no tokens by id": ({"tokenizer_config": {"added_tokens_decoder": [5]}}, r"ids. Received: \[5"),
    "no ids": ({"added_tokens": {"x": "y", "z": 9}}, "the id of each token, .* 'y'"),
    "no tokenizer.json": ({"tokenizer": {"model": {}}}, "tokenizer.json is damaged"),
    "byte pairs": ({"tokenizer": {"model": {"type": "BPE", "vocab": {}, "merges": []}}}, "BPE"),
    "a gap": ({"tokenizer": fast(changed("model", vocab={"[UNK]": 0, "a": 2**31}))}, "2147483649"),
    "one id": ({"tokenizer": fast(lambda s: s["model"]["vocab"].update(a=6))}, "7 ids below 8"),
    "single word": ({"tokenizer": fast(with_token(single_word=True))}, "single_word"),
    "space": ({"tokenizer": fast(with_token(content=" e"))}, "space around"),
    "alike": ({"tokenizer": fast(with_token(content="[mask]"))}, r"\['\[MASK\]', '\[mask\]'\]"),
    "long": ({"tokenizer": fast(with_token(content="<" * 99))}, "1 to 98 characters"),
    "another normalizer": (
        {"tokenizer": fast(lambda s: s.update(normalizer=None)), "tokenizer_config": GENERIC},
        "Received: .'NoneType', 'BertPreTokenizer'",
    ),
    "another prefix": (
        {
            "tokenizer": fast(changed("model", continuing_subword_prefix="@@")),
            "tokenizer_config": GENERIC,
        },
        "@@",
    ),
    "another template": (
        {"tokenizer": fast(lambda s: s.update(post_processor=None)), "tokenizer_config": GENERIC},
        "a text must be encoded as",
    ),
    "no added tokens": (
        {"tokenizer": fast(lambda s: s["added_tokens"].pop()), "tokenizer_config": GENERIC},
        "as added tokens",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_give_one_clear_error(name, tmp_path):
    files, message = UNUSABLE[name]
    with pytest.raises(UserError, match=message) as error:
        WordPieceTokenizer.load(write(tmp_path, **files))
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_truncated_files_give_one_clear_error(name, tmp_path):
    WordPieceTokenizer(PIECES).save(tmp_path, 16)
    content = (tmp_path / name).read_bytes().rstrip()
    for end in range(0, len(content), max(1, len(content) // 200)):
        (tmp_path / name).write_bytes(content[:end])
        with pytest.raises(UserError, match=name):
            WordPieceTokenizer.load(tmp_path)


def test_a_vocabulary_that_is_no_text(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(UserError, match=r"vocab.txt is damaged"):
        WordPieceTokenizer.load(tmp_path)


def test_vocabulary_errors():
    with pytest.raises(ValueError, match=r"Missing: \[MASK\]"):
        WordPieceTokenizer(SPECIAL_TOKENS[:-1])
    with pytest.raises(ValueError, match=r"twice: \['same'\]"):
        WordPieceTokenizer([*SPECIAL_TOKENS, "same", "same"])
    with pytest.raises(ValueError, match=r"at most 256 bytes. Received: 'xxx"):
        WordPieceTokenizer([*SPECIAL_TOKENS, "x" * 257])


def test_chinese_that_is_not_split_has_pieces_of_several_characters(tmp_path):
    texts = ["房间很干净，服务态度很好", "房间很大，服务很好", "服务很好。罕"] * 2
    texts.append("稀")  # once, and at the beginning of a clause
    pieces = learn_vocabulary(texts, 200, split_chinese=False)
    assert "服务" in pieces
    assert {"稀", "##稀", "罕", "##罕"} <= set(pieces)
    unsplit = BertNormalization(split_chinese=False)
    tokenizer = WordPieceTokenizer(pieces, unsplit, max_word_characters=1000)
    tokenizer.save(tmp_path, 512)
    texts += ["很稀罕" * 100, "房间、天呐", "很" * 1001]
    hugging_face = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    expected = [encoding.ids for encoding in hugging_face.encode_batch(texts)]
    assert tokenizer.encode_all(texts, 512).to_list() == expected
    assert WordPieceTokenizer.load(tmp_path).encode_all(texts, 512).to_list() == expected
    assert [1 in ids for ids in expected[-3:]] == [False, True, True]


@pytest.mark.parametrize("piece", ["", "a\0b", "##\0"])
def test_pieces_that_cannot_be_looked_up(piece):
    with pytest.raises(ValueError, match=r"must have a character, and no NUL\. Received: "):
        WordPieceTokenizer([*SPECIAL_TOKENS, "a", piece])
