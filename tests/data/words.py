"""Labels as people write them, by language, and the encodings in which their programs save them."""

WORDS = {
    "German": "Bär Füchse Mäuse Frösche Löwenzahn Gänseblümchen Käfer Weißdorn Kürbis Möhre Äpfel",
    "French": "Hêtre Chêne Érable Châtaignier Épicéa Mélèze Hérisson Écureuil Zèbre Guêpe Œillet Cèpe Bœuf Pâquerette",
    "Spanish": "Araña Cigüeña Ratón León Pingüino Murciélago Ñandú Plátano Limón Sandía Piña Jabalí Búho Delfín",
    "Polish": "Żółw Łabędź Jeż Wróbel Źrebię Święta Niedźwiedź Jabłoń Gałąź Świerk Dąb Kość Liść Pszczoła Gęś",
    "Czech": "kočka žába pták myš kůň vlčák ještěrka čáp želva růže hřib děti město včela",
    "Hungarian": "Őz Sün Béka Méh Gólya Róka Hörcsög Teknős Tölgy Kőris Szőlő Körte Kígyó Tűlevél Gyöngyvirág",
    "Turkish": "Kuş Ağaç Çiçek Üzüm Işık Şeftali Karınca Öküz Balığı Kızılçam Dişbudak Çınar Söğüt Yılan",
    "Greek": "γάτα σκύλος πουλί άλογο ψάρι χελώνα αγελάδα πρόβατο κατσίκα ελέφαντας τίγρη μήλο πορτοκάλι",
    "Russian": "кошка собака птица лошадь корова рыба медведь берёза сосна яблоко помидор огурец ёж",
    "Ukrainian": "кішка собака птах ведмідь їжак ялинка лисиця заєць яблуко бджола метелик щука ґава",
    "Lithuanian": "Ąžuolas Beržas Eglė Pušis Ežys Lapė Šuo Katė Žąsis Voverė Bitė Žuvis",
    "Danish": "Bjørn Ræv Får Høne Ål Æble Pære Blåbær Grævling Rødspætte",
    "Japanese": "ねこ いぬ とり 犬 猫 鳥 桜 もみじ トマト きゅうり 正常 異常 傷あり 良品 カエル うさぎ 表 ソース 能登",
    "Chinese": "猫 狗 鸟 马 苹果 香蕉 葡萄 番茄 黄瓜 正常 异常 划痕 裂纹 合格 不合格 蝴蝶 蜜蜂 青蛙",
    "Chinese, traditional": "貓 狗 鳥 馬 蘋果 香蕉 葡萄 番茄 小黃瓜 正常 異常 刮痕 裂縫 合格 蝴蝶 蜜蜂 青蛙",
    "Korean": "고양이 개 새 말 사과 바나나 포도 토마토 오이 정상 불량 흠집 균열 나비 꿀벌 개구리",
    "Hebrew": "חתול כלב ציפור סוס פרה דג דוב זאב שועל תפוח",
    "Arabic": "قطة كلب طائر حصان بقرة سمكة دب ذئب ثعلب تفاحة",
    "Thai": "แมว หมา นก ม้า วัว ปลา หมี หมาป่า",
}
_WEST, _EAST = ("cp1252", "mac_roman", "cp850"), ("cp1250", "iso8859_2", "cp852")
ENCODINGS = {
    **{"German": (*_WEST, "cp437"), "French": (*_WEST, "iso8859_15"), "Spanish": (*_WEST, "cp437"), "Danish": _WEST},
    **{"Polish": _EAST, "Czech": _EAST, "Hungarian": _EAST, "Turkish": ("cp1254", "cp857"), "Lithuanian": ("cp1257",)},
    **{
        "Greek": ("cp1253", "cp737", "iso8859_7"),
        "Russian": ("cp1251", "koi8_r", "cp866", "mac_cyrillic", "iso8859_5"),
    },
    **{"Ukrainian": ("cp1251", "koi8_u"), "Japanese": ("cp932", "euc_jp"), "Chinese": ("gbk",), "Korean": ("cp949",)},
    **{"Chinese, traditional": ("cp950",), "Hebrew": ("cp1255",), "Arabic": ("cp1256",), "Thai": ("cp874",)},
}


def words_of(language: str, encoding: str) -> list[str]:
    """Those that can be written in the encoding; DOS of the West knows no "œ"."""
    return [word for word in WORDS[language].split() if word.encode(encoding, "replace").decode(encoding) == word]
