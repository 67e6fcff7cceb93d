"""How likely a word is in a language: costs in bits, small for what is written every day. Knows nothing of bytes."""

import json
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

_PAIRS = Path(__file__).with_name("letter_pairs.json")
_DEAREST, _RARE_LETTER = 12.0, 9.0  # the second letter of a pair at most; one that the names hardly use
_FOREIGN, _NO_LETTER = 8.0, 14.0  # a letter of another alphabet, on top; a symbol
_MIXED, _CASE = 7.0, 7.0  # two scripts in one word; a capital after a small letter
# Letters that a language has for certain, though the names that were counted may hardly use them.
_LETTERS = {
    "de": "äöüß", "fr": "àâæçéèêëîïôœùûüÿ", "es": "áéíñóúü", "pt": "áâãàçéêíóôõú", "it": "àèéìíîòóùú",
    "ca": "àçèéíïòóúü", "nl": "ëéèïóöü", "sv": "åäöé", "da": "æøåé", "fi": "äöåšž", "is": "áðéíóúýþæö",
    "pl": "ąćęłńóśźż", "cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "hu": "áéíóöőúüű", "ro": "ăâîșțşţ",
    "hr": "čćđšž", "sl": "čšž", "sq": "ëç", "et": "äõöüšž", "lv": "āčēģīķļņšūž", "lt": "ąčęėįšųūž",
    "tr": "çğıöşüâîû", "el": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "he": "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
    "th": "กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลวศษสหฬอฮะัาำิีึืุูเแโใไๆ็่้๊๋์",
    "uk": "ґєії", "be": "ёіў", "sr": "ђјљњћџ", "mk": "ѓѕјљњќџѐѝ",
    "fa": "پچژگکی", "ar": "پءآأؤإئابةتثجحخدذرزسشصضطعغفقكلمنهوىي",
}  # fmt: skip
# Signs between and beside words, by how usual they are.
_SIGNS = dict.fromkeys("–—’‘“”„…€°«»", 9.0) | dict.fromkeys("´‚‹›•§®™©±×·²³µ½¼¾ªº¿¡£№†\u00a0\u00ad", 11.0)
# Which may touch a letter before or after them, and what it costs the others.
_AFTER, _BEFORE, _TOUCHES = "´’‘”“…°²³ªº®™»›–—·\u00a0\u00ad", "´’‘„“‚«‹¡¿№µ–—·\u00a0\u00ad", 5.0
_APOSTROPHES, _DASHES = "’‘´", "–—·\u00ad"
_ELIDED = {"d", "l", "j", "c", "s", "n", "m", "t", "qu", "jusqu", "lorsqu", "puisqu", "dell", "all", "nell", "un", "o"}
_AFTER_APOSTROPHE = {"s", "t", "d", "m", "re", "ve", "ll"}
_VOWELS = set("aeiouyhàâäæéèêëîïíóòôöœùúûü")
_USUAL, _COMMON, _RARE, _HARDLY = 8.0, 12.0, 15.0, 18.0  # a Chinese character; its commonness is where its set lists it
_KANA, _CJK_SIGN, _ASCII = 6.5, 9.0, 5.0
_DAILY = {
    "zh": (
        "的一是不大小中上下人日月年水火木土金山石花草树叶鸟鱼虫马牛羊猪狗猫鸡鸭鹅兔鼠虎龙蛇猴熊狼狐象狮豹鹿蝶"
        "蜂蚁蛙龟虾蟹松柏杨柳桃李梅杏梨苹果香蕉葡萄橙橘柿瓜豆米麦稻茶菜葱蒜姜椒茄番薯萝卜白红黄蓝绿黑紫灰粉色"
        "车船机飞轮手头眼耳口鼻足心正常异缺陷合格良品好坏无有裂纹划痕污点锈孔其他东西南北长短高低新旧玫瑰菊兰"
        "荷莲竹子毛皮肉蛋奶糖盐油酒饭面包鲜海河湖江田地天空云雨雪风雷电光星球王国家门窗桌椅床衣服鞋帽书笔纸刀"
        "药病健康霉枯斑公母老幼鹰雀鸽燕鹤"
    ),
    "tw": (
        "的一是不大小中上下人日月年水火木土金山石花草樹葉鳥魚蟲馬牛羊豬狗貓雞鴨鵝兔鼠虎龍蛇猴熊狼狐象獅豹鹿蝶"
        "蜂蟻蛙龜蝦蟹松柏楊柳桃李梅杏梨蘋果香蕉葡萄橙橘柿瓜豆米麥稻茶菜蔥蒜薑椒茄番薯蘿蔔白紅黃藍綠黑紫灰粉色"
        "車船機飛輪手頭眼耳口鼻足心正常異缺陷合格良品好壞無有裂紋劃痕污點鏽孔其他東西南北長短高低新舊玫瑰菊蘭"
        "荷蓮竹子毛皮肉蛋奶糖鹽油酒飯麵包鮮海河湖江田地天空雲雨雪風雷電光星球王國家門窗桌椅床衣服鞋帽書筆紙刀"
        "藥病健康黴枯斑公母老幼鷹雀鴿燕鶴"
    ),
    "ja": (
        "一大小中上下人日月年水火木土金山石花草葉鳥魚虫馬牛羊豚犬猫鶏鴨兎鼠虎竜蛇猿熊狼狐象鹿蝶蜂亀松柏柳桃梅"
        "梨豆米麦茶白赤黄青緑黒紫灰色車船機飛手頭目耳口鼻足心正常異欠陥合格良品好悪無有不傷汚点他東西南北長短"
        "高低新旧菊竹子毛皮肉卵糖塩油酒飯海河川田地天空雲雨雪風雷電光星球王国家門窓机椅服靴本紙刀薬病健康桜柿"
        "栗鷹雀鳩燕鶴"
    ),
}
_SETS = {"zh": "gbk", "tw": "big5hkscs", "ja": "euc_jp", "ko": "cp949"}
# Of Korean syllables, the cost of each part, in Unicode's order of them.
_INITIALS = (3, 7, 3.5, 3.8, 7.5, 3.8, 4, 4, 8.5, 3, 7.5, 2.2, 3.8, 8, 5, 6, 5.5, 5.5, 4)
_MEDIALS = (2.4, 4.2, 5.2, 10, 3.2, 4.5, 4.2, 7.5, 3.2, 5.8, 8, 6.5, 5.6, 3.6, 7, 10, 6, 5, 3.6, 5.8, 2.6)
_FINALS = (0.9, 4, 8, 11, 3.2, 11, 10, 8, 3.6, *(10, 10, 10, 11, 11, 11, 10), 4.3, 5.5, 9, 6, 7, 3.6, 8, 8, 9, 7, 7, 8)

_KEPT: dict[str, dict[str, dict[str, str]]] = json.loads(_PAIRS.read_text("utf-8"))
ALPHABETIC = tuple(_KEPT)


@lru_cache(maxsize=100_000)
def cost(word: str, language: str) -> tuple[float, int]:
    """What a word costs in a language, in bits, and how many of its characters have no place in it.

    Args:
        word: Without spaces; letters and what may stand beside them.
        language: As ISO 639 names it; "zh" is Chinese in simplified characters, "tw" in traditional ones.
    """
    if language in ("zh", "tw", "ja", "ko"):
        return _cost_of_characters(word, language)
    word = unicodedata.normalize("NFC", word)
    total, strange = 0.0, 0
    runs = _runs(word)
    for place, (run, is_word) in enumerate(runs):
        if is_word:
            bits, wrong = _cost_of_letters(run, language)
        else:
            before = runs[place - 1][0] if place else ""
            after = runs[place + 1][0] if place + 1 < len(runs) else ""
            bits, wrong = _cost_of_signs(run, before, after)
        total, strange = total + bits, strange + wrong
    return total, strange


def _runs(word: str) -> list[tuple[str, bool]]:
    """The word taken apart where letters and other characters meet."""
    found: list[tuple[str, bool]] = []
    for character in word:
        is_letter = unicodedata.category(character)[0] in "LM" and character not in _SIGNS
        if found and found[-1][1] == is_letter:
            found[-1] = (found[-1][0] + character, is_letter)
        else:
            found.append((character, is_letter))
    return found


def _cost_of_letters(run: str, language: str) -> tuple[float, int]:
    alphabet = _alphabet(language)
    small = run.replace("İ", "i").lower().replace("ё", "е")  # which most people write without its dots
    foreign = [letter for letter in small if letter not in alphabet.letter]
    total = _FOREIGN * len(foreign) + sum(
        alphabet.cost(pair) for pair in map("".join, zip(f" {small}", f"{small} ", strict=True))
    )
    strange = sum(not letter.isascii() for letter in foreign)
    wrong_case = _wrong_case(run)
    if len(run) > 1 and run.isupper():
        total += 3
    scripts = {_script(letter) for letter in run if not unicodedata.combining(letter)}
    mixed = len(scripts) - 1
    return total + _CASE * wrong_case + _MIXED * mixed, strange + wrong_case + mixed


def _wrong_case(run: str) -> int:
    """How often capitals and small letters meet as they do in no word, letters beyond ASCII being among them."""
    if run.islower() or run.isupper() or run[1:].islower():
        return 0
    found = 0
    for place in range(1, len(run)):
        near = run[max(0, place - 2) : place + 1]
        if near.isascii():
            continue
        if (run[place - 1].islower() and run[place].isupper()) or (
            len(near) == 3 and near[:2].isupper() and near[2].islower()
        ):
            found += 1
    return found


def _cost_of_signs(run: str, before: str, after: str) -> tuple[float, int]:
    total, strange = 0.0, 0
    for place, sign in enumerate(run):
        if sign.isascii():
            continue
        touches = (place == 0 and before and sign not in _AFTER) or (
            place == len(run) - 1 and after and sign not in _BEFORE
        )
        total += _SIGNS.get(sign, _NO_LETTER) + (_TOUCHES if touches else 0)
        strange += sign not in _SIGNS or bool(touches)
    if before and after and not run.isascii():
        if run in _APOSTROPHES:
            elided = before.lower() in _ELIDED and after[0].lower() in _VOWELS
            total += -3 if elided or after.lower() in _AFTER_APOSTROPHE else 3
        elif all(sign in _DASHES for sign in run):
            total += 3
        else:
            total, strange = total + 6, strange + 1
    return total, strange


def _cost_of_characters(word: str, language: str) -> tuple[float, int]:
    total, strange = 0.0, 0
    for place, character in enumerate(word):
        if character.isascii():
            if character.isalpha():
                total += _ASCII
                if any(_meets_no_letter(near) for near in word[max(0, place - 1) : place + 2]):
                    total, strange = total + _MIXED / 2, strange + 1
            continue
        bits, wrong = _cost_of_character(character, language)
        total, strange = total + bits, strange + wrong
    return total, strange


def _meets_no_letter(character: str) -> bool:
    """Whether it hardly stands beside a letter of ASCII: a Chinese character, or a sign other than punctuation."""
    return character >= "\u2e80" or (not character.isascii() and unicodedata.category(character)[0] in "SN")


@lru_cache(maxsize=50_000)
def _cost_of_character(character: str, language: str) -> tuple[float, int]:
    code = ord(character)
    if 0x3000 <= code < 0x3030 or 0xFF01 <= code < 0xFF5F or code == 0x30FB:
        return (_RARE if character.isalnum() else _CJK_SIGN), 0
    if language == "ko" and 0xAC00 <= code < 0xD7A4:
        return _cost_of_syllable(character)
    if language == "ja" and 0xFF66 <= code < 0xFFA0:
        return _CJK_SIGN, 0  # katakana of half the width
    if code < 0x3000:
        return _cost_of_guest(character, language)
    if 0x3040 <= code < 0x3100:
        return (_KANA, 0) if language == "ja" else (_HARDLY, 1)
    if not 0x4E00 <= code < 0xA000:
        return _HARDLY, 1
    if language == "ko":
        return (_RARE, 0) if _has_two_bytes(character, "euc_kr") else (_HARDLY, 1)
    if character in _DAILY[language]:
        return _USUAL, 0
    codec, first, common, last = {
        "zh": ("gb2312", 0xB0, 0xD8, 0xF8), "tw": ("big5", 0xA4, 0xC9, 0xFA), "ja": ("euc_jp", 0xB0, 0xD0, 0xF5),
    }[language]  # fmt: skip
    try:
        row = character.encode(codec)[0]
    except UnicodeEncodeError:
        return _HARDLY, 1
    if first <= row < common:
        return _COMMON, 0
    return (_RARE, 0) if row < last else (_HARDLY, 1)


def _cost_of_guest(character: str, language: str) -> tuple[float, int]:
    """Letters and signs of other scripts, as far as the sets of Chinese, Japanese and Korean have them, too."""
    try:
        character.encode(_SETS[language])
    except UnicodeEncodeError:
        return _HARDLY, 1
    kind = unicodedata.category(character)[0]
    if kind == "L":
        return (_USUAL if _script(character) in ("CYRILLIC", "GREEK") else _CJK_SIGN + 1), 0
    return (_COMMON, 0) if kind in "NPS" else (_HARDLY, 1)


def _has_two_bytes(character: str, codec: str) -> bool:
    try:
        return len(character.encode(codec)) == 2
    except UnicodeEncodeError:
        return False


def _cost_of_syllable(character: str) -> tuple[float, int]:
    place = ord(character) - 0xAC00
    if not _has_two_bytes(character, "euc_kr"):  # none of the 2,350 syllables that are in use
        return _HARDLY, 1
    return _INITIALS[place // 588] + _MEDIALS[place % 588 // 28] + _FINALS[place % 28], 0


@dataclass(frozen=True)
class _Alphabet:
    """What letters cost after each other: a known pair; else what is unusual after the first, and the second."""

    pair: dict[str, float]
    after: dict[str, float]
    letter: dict[str, float]

    def cost(self, pair: str) -> float:
        if pair in self.pair:
            return self.pair[pair]
        return min(_DEAREST, self.after.get(pair[0], 1.0) + self.letter.get(pair[1], _RARE_LETTER))


@cache
def _alphabet(language: str) -> _Alphabet:
    told = {
        kind: {text[i : i + width]: float(bits) for bits, text in kept.items() for i in range(0, len(text), width)}
        for (kind, kept), width in zip(_KEPT[language].items(), (2, 1, 1), strict=True)
    }
    for letter in _LETTERS.get(language, ""):
        told["letter"].setdefault(letter, _RARE_LETTER)
    return _Alphabet(**told)


@lru_cache(maxsize=10_000)
def _script(letter: str) -> str:
    return "" if unicodedata.category(letter) == "Mn" else unicodedata.name(letter, "?").split()[0]
