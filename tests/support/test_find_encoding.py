"""Texts that do not say their encoding: read right, or asked about, and never read wrong without a word."""

import random
import time
from collections import Counter

import pytest

from tests.data.words import ENCODINGS, WORDS, words_of
from transfer_core.errors import DataError
from transfer_core.support import encodings
from transfer_core.support.encodings import decode, named
from transfer_core.support.find_encoding import find_encoding

EVERY = [(language, encoding) for language, listed in ENCODINGS.items() for encoding in listed]


def verdict(text: str, encoding: str) -> str:
    """How a text fares: "right", "asked", or "wrong"; "lost" where the right reading is not among those to choose."""
    raw = text.encode(encoding)
    found = find_encoding(raw)
    readings = [raw.decode(way) for way in (found.encoding, *found.others)]
    if found.certain:
        return "right" if readings[0] == text else "wrong"
    return "asked" if text in readings else "lost"


def table_of(words: list[str]) -> str:
    return "file;label\r\n" + "".join(f"{number}.jpg;{word}\r\n" for number, word in enumerate(words))


@pytest.mark.parametrize(("language", "encoding"), EVERY)
def test_labels_of_a_language_are_read_right_or_asked_about(language, encoding):
    rng, words, found = random.Random(7), words_of(language, encoding), Counter()
    for size in (1, 2, 3, 5, 8):
        for _ in range(3):
            found[verdict(table_of(rng.sample(words, min(size, len(words)))), encoding)] += 1
    assert found["wrong"] == 0 and found["lost"] <= 1, found
    assert verdict(table_of(words), encoding) in ("right", "asked")


def test_most_sets_of_eight_labels_are_read_without_a_question():
    rng, found = random.Random(8), Counter()
    for language, encoding in EVERY:
        words = words_of(language, encoding)
        found.update(verdict(table_of(rng.sample(words, min(8, len(words)))), encoding) for _ in range(3))
    assert found["wrong"] == 0 and found["right"] >= 0.85 * found.total(), found


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_unicode_is_known_with_its_mark_and_without(language, encoding):
    text = table_of(WORDS[language].split()[:3])
    raw = text.encode(encoding)
    found = find_encoding(raw)
    assert found.by_validity and decode(raw, found.encoding) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("1.jpg,Stufe–A\n2.jpg,Stufe—A\n3.jpg,Stufe’A\n", "cp1252"),  # which Latin-1 knows not
        ("1.jpg,犬\n2.jpg,猫\n3.jpg,表\n", "cp932"),  # the last one ends in a backslash
        ("1.jpg,ねこ\n2.jpg,いぬ\n", "iso2022_jp"),  # ASCII to the eye
    ],
)
def test_what_an_encoding_alone_tells_apart_is_read(text, encoding):
    assert verdict(text, encoding) == "right"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("1.jpg,l’érable\n", "mac_roman"),  # valid UTF-8 by chance: an Armenian letter
        ("1.jpg,鳥\n", "euc_jp"),  # and a Latin one
        ("1.jpg,Katė\n2.jpg,Eglė\n3.jpg,Bitė\n", "cp1257"),  # in Albania's letters a word as well
        ("1.jpg,Œillet d’Inde\n2.jpg,5 € – alt\n3.jpg,Šípek\n", "cp1252"),  # Œ, or Ś in Poland
        ("1.jpg,猫\n2.jpg,狗\n3.jpg,鸟\n", "gbk"),  # three signs of Chinese, or of Korean
    ],
)
def test_what_is_too_short_to_tell_is_asked_about(text, encoding):
    assert verdict(text, encoding) == "asked"


# Few labels, which differ in what an encoding tells apart, or are hard to tell from others.
HARD = [
    labels.split("|")
    for labels in """
5 €|5 £|5 ¥;m²|m³;30°|30º|30ª;«a»|‹a›|“a”;½ Zoll|¼ Zoll|¾ Zoll;A–B|A—B|A-B;it’s ok|it‘s ok;N°1|Nº1;©|®|™;rosé|rosè
Æ|Ø|Å;ä|ö|ü;é|è|ê;Zürich|Genève|Málaga;Kraków|Łódź|Poznań;ő|ö|ü|ű;Rød|Grøn|Blå;sıcak|soğuk;üzüm|uzum;Straße|Strasse
öö|õö|üü;pēc|pec;ТИП А|ТИП Б;норма|брак;да|нет;здоровий|хворий;ΝΑΙ|ΟΧΙ;α|β;OK|不良;OK品|NG品;良品|不良品;합격|불량
カビ|サビ;ｶﾋﾞ|ｻﾋﾞ;Ⅰ型|Ⅱ型;①|②
""".replace("\n", ";")
    .strip(";")
    .split(";")
]
WIDE = [
    *("cp1252", "mac_roman", "cp850", "cp437", "iso8859_15", "cp1250", "cp852", "iso8859_2", "cp1251", "koi8_r"),
    *("cp866", "mac_cyrillic", "cp1253", "cp737", "cp1254", "cp857", "cp1257", "cp932", "euc_jp", "gbk", "cp950"),
    "cp949",
]


@pytest.mark.parametrize("encoding", WIDE)
def test_few_and_hard_labels_are_never_read_wrong_without_a_question(encoding):
    found = Counter()
    for labels in HARD:
        text = table_of(labels)
        if text.encode(encoding, "replace").decode(encoding) == text:
            found[verdict(text, encoding)] += 1
    assert found["wrong"] == 0 and found.total() > 1, found


def test_two_texts_in_one_are_asked_about():
    found = find_encoding("1.jpg,Füchse\n2.jpg,Löwenzahn\n".encode() + "3.jpg,Käfer\n4.jpg,Möhre\n".encode("cp1252"))
    assert not found.certain


def test_a_word_without_an_end_takes_no_longer_than_others():
    began = time.process_time()
    found = find_encoding(table_of(["x" * 3_000_000, *WORDS["Czech"].split()]).encode("cp1250"))
    assert found.encoding == "cp1250" and time.process_time() - began < 5
    with pytest.raises(DataError, match="no known encoding"):
        find_encoding(bytes(range(0x80, 0x100)) * 30_000)
    many = [f"{word}{number}" for number in range(300) for word in WORDS["Czech"].split()]
    assert find_encoding(table_of(many).encode("cp1250")).encoding == "cp1250"
    assert time.process_time() - began < 15


def test_a_letter_that_comes_late_counts_as_well():
    early = [f"{word} {number}" for number in range(400) for word in ("Bär", "Käfer")]
    found = find_encoding(table_of([*early, *(f"K{number}äse" for number in range(400)), "Œuf"]).encode("cp1252"))
    assert not found.certain or found.encoding == "cp1252"


def test_nothing_is_replaced_and_no_two_words_become_one():
    with pytest.raises(DataError, match="byte 2 cannot be read"):
        decode(b"B\x81r", "cp1252")
    with pytest.raises(DataError, match="two different words in it would become one"):
        decode(b"\xfa\x4a\n\x87\x54", "cp932")  # the same Roman numeral twice in the set
    with pytest.raises(DataError, match="control characters"):
        decode(b"d\x92Inde", "latin-1")


def test_encodings_are_known_by_many_names():
    assert (named("Windows-1252"), named("shift_jis"), named("MacRoman")) == ("cp1252", "shift_jis", "mac_roman")
    assert encodings.title("cp1250") == "cp1250 (Central Europe, Windows)"
    for wrong in ("cp9999", "base64", "rot13", "idna", ""):
        with pytest.raises(DataError, match="There is no encoding"):
            named(wrong)
