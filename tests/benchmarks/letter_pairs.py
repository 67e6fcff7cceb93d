"""Counts which letter follows which in the words of a language, in the names that Unicode's CLDR gives to countries,
languages, currencies, cities and units, and writes `transfer_core/support/letter_pairs.json`.

    pip install babel && python -m tests.benchmarks.letter_pairs
"""

import json
import math
import re
import unicodedata
from collections import Counter
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "transfer_core" / "support" / "letter_pairs.json"
LANGUAGES = (
    *("en", "de", "fr", "es", "pt", "it", "ca", "nl", "sv", "da", "fi", "is", "pl", "cs", "sk", "hu", "ro", "hr", "sl"),
    *("sq", "et", "lv", "lt", "tr", "el", "ru", "uk", "bg", "sr", "mk", "be", "he", "ar", "fa", "th", "vi"),
)
SEEN = 2  # of a pair, in different words; what occurs once is mostly a foreign name
WEIGHT = 30  # how many sightings the letter's own frequency is worth
LETTER_SEEN = 2
# Everyday words with letters that the names hardly use; each counts twice.
MORE = {
    "de": "größe weiß süß fuß straße schloß gefäß nüsse blüte vögel kühe schäfer bäume hühner möwe löffel schlüssel",
    "fr": "œil œuf œillet bœuf cœur nœud sœur vœu chœur œuvre mœurs où là ça août forêt hôpital râteau bûche crâne "
    "maïs naïf noël haïr reçu façade aiguë île dîner goût sûr mûre",
    "es": "niño leña caña uña pestaña señal año sueño montaña lápiz árbol flor|azúcar búfalo águila pájaro",
    "pt": "mão irmã cão limões pães feijão botão sabão fogão galinha|rã avô avó pássaro ônibus lâmpada bênção água",
    "it": "città più perché papà caffè ragù virtù così lunedì",
    "sv": "häst ödla ärta åska höst sjö träd blå får gås lök nöt pärla öga båt hår tång",
    "da": "træ gås sæl ælling måge ørn frø sø køer hår hånd øje øre æg ært køkken skål båd fjære løve gær blå grøn rød "
    "græs blomkål kød brød smør sild|ørred spætte fjær bær næse",
    "fi": "hämähäkki lääke käärme tyttö pöytä äiti öljy mäyrä kääpiö ötökkä lepakko|jänis mänty",
    "is": "þröstur ær fýll lundi|kýr hæna æður rjúpa tófa þúfa köttur björn ís öxi",
    "pl": "źródło ćma mąka łoś wąż żaba źdźbło sikorka|śnieg ślimak żubr krzesło pająk gołąb jeżyna wiśnia pędzel",
    "cs": "ďáblík ťuhýk ňadra kůra ústa účes dům hůl růst vůně motýl mravenec|čmelák slepýš ježek jeřáb řeka",
    "sk": "kôň stôl mäso päť ťava vŕba jeseň ďateľ líška mačka vĺča kľúč straka|ježko čučoriedka",
    "hu": "tűz fű fűrész gyűrű tőke erdő lepkegyűjtő műszer szűrő ködös görény szürke bükkfa süti kőszáli őr úr út",
    "ro": "țânțar șobolan știucă câmp mâna rândunică fluture|măgar țap șarpe bâtlan pădure înger ţap şarpe",
    "hr": "ćuk žirafa šuma đak ćelav kuća riđovka sjemenka|žuti čaj šljuka vjeverica",
    "et": "õun põld mõõk täht käsi järv mänd ööbik õis pähkel kärbes hõbe tõug põõsas öö kõrv käpp jõgi nõel töö "
    "tänav jäär mägi pääsuke vähk",
    "lv": "ķirsis ķēve ņirgas ģimene mēle čūla ļaudis šķēres lācis vilnis|sēne zāle bērns ēna",
    "lt": "ąsotis žolė šešėlis žvirblis ėriukas gervė ūkis žąsinas gyvatė|šermuonis lūšis stumbras|ūdra",
    "tr": "ğ ağ dağ sığır kuş yaprağı kızıl ışıl ısırgan şeker şahin çam üç ördek öğle güneş balık arı tilki|ayı çilek "
    "kırmızı sarı yeşil turuncu kapı",
    "ca": "ànec òliba múrgola cigonya|pèsol llúdriga eriçó maçana",
    "sq": "qumësht pulë dele|kalë çelës gjarpër",
    "nl": "reëel coëfficiënt|kanariepiet ideeën zeeën ruïne",
}


def names_of(language: str) -> list[str]:
    """Every word that CLDR's data of a language holds in plain text."""
    from babel import Locale  # not among the requirements: only whoever counts anew needs it

    locale = Locale.parse(language)
    data = locale._data  # not all of it has an accessor
    texts: list[str] = [
        str(text) for key in ("territories", "languages", "scripts", "variants") for text in data[key].values()
    ]
    texts += map(str, locale.currencies.values())
    texts += [zone["city"] for zone in data["time_zones"].values() if isinstance(zone.get("city"), str)]
    _collect(data["unit_patterns"], texts)
    _collect(data["months"], texts)
    _collect(data["days"], texts)
    _collect(data["meta_zones"], texts)
    return texts


def _collect(node: object, texts: list[str]) -> None:
    if isinstance(node, str):
        texts.append(re.sub(r"\{\d\}", " ", node))
    elif hasattr(node, "values"):
        for inner in node.values():
            _collect(inner, texts)


def words_of(text: str) -> list[str]:
    small = unicodedata.normalize("NFC", text).lower()
    return "".join(
        letter if unicodedata.category(letter)[0] in "LM" and letter not in "ʼμ" else " " for letter in small
    ).split()


def costs_of(texts: list[str], more: str) -> dict[str, dict[str, str]]:
    """Costs in bits, of small letters; the edge of a word is written as a space.

    Returns:
        "pair": of the second letter after the first. For pairs that were not seen, "after" and "letter": that of any
        such after the first, and of the second as such; to be added.
    """
    words = {word for text in texts for word in words_of(text)}
    twice = [word for word in words_of(more) for _ in range(2)]
    pairs = Counter(
        pair for word in (*words, *twice) for pair in map("".join, zip(f" {word}", f"{word} ", strict=True))
    )
    firsts, seconds = Counter(), Counter()
    for pair, count in pairs.items():
        firsts[pair[0]] += count
        seconds[pair[1]] += count
    total = sum(seconds.values())
    known = {letter for letter, count in seconds.items() if count >= LETTER_SEEN} & firsts.keys()

    def bits(share: float) -> int:
        return round(-math.log2(share))

    told: dict[str, dict[str, int]] = {"pair": {}, "after": {}, "letter": {}}
    for pair, count in pairs.most_common():
        if count >= SEEN and set(pair) <= known:
            share = (count + WEIGHT * seconds[pair[1]] / total) / (firsts[pair[0]] + WEIGHT)
            told["pair"][pair] = bits(share)
    for letter in sorted(known):
        told["after"][letter] = bits(WEIGHT / (firsts[letter] + WEIGHT))
        told["letter"][letter] = bits(seconds[letter] / total)
    return {kind: _by_cost(costs) for kind, costs in told.items()}


def _by_cost(costs: dict[str, int]) -> dict[str, str]:
    found: dict[int, str] = {}
    for text, cost in costs.items():
        found[cost] = found.get(cost, "") + text
    return {str(cost): found[cost] for cost in sorted(found)}


if __name__ == "__main__":
    found = {language: costs_of(names_of(language), MORE.get(language, "")) for language in LANGUAGES}
    TARGET.write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n", "utf-8")
