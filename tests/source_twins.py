"""Twins of the public sources: files in the same formats, traps included, with rows we wrote ourselves.

The cards are the real ones with other files behind them, so that label maps and readers are tested as they ship.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import random
import tomllib
import zipfile
from pathlib import Path

from openpyxl import Workbook

from serving.settings import Settings

_WORDS = """
abeille accueil aiguille ambre ancre arbre ardoise atelier avoine bague balcon barque bateau beurre blé boussole
brume cabane cadran caillou canard carafe cascade cerise chaise chemin chouette ciseau citron clairière cloche
colline comptoir coquille couvert crayon cuillère dentelle digue écharpe écorce église éponge étagère fanfare
fenêtre ficelle fontaine fougère fourmi galet girafe glaçon grenier guitare hameau herbe horloge huître jardin
kiosque lampion lanterne lavande lézard loupe magasin marelle marmite mésange meuble miroir moulin navire neige
noisette nuage olive orage ourson palette panier parasol pendule phare piano pinceau plume poire pommier pont
poterie prairie puits quai radis râteau ruche sabot sentier serrure sirène soupe tambour tapis théière tilleul
toiture tortue tulipe vague valise vélo verger vitrail
"""


def sentence(seed: int, length: int = 12) -> str:
    """A sentence of our own that resembles no other."""
    return " ".join(random.Random(seed).sample(_WORDS.split(), length))


def make_twins(folder: Path, root: Path) -> Settings:
    """Cards, mirror and own cases under ``folder``; the settings that point there."""
    mirror = folder / "mirror"
    for path in sorted((root / "datasets").glob("*.toml")):
        _twin_card(path, folder / "datasets", mirror, TWINS[path.stem]())
    write_own_cases(folder / "datasets" / "vigie")
    _write_readings(folder / "datasets" / "second_reading")
    _write_corpus(folder / "corpus")
    return Settings.from_env(
        {
            "VIGIE_DATASETS": str(folder / "datasets"),
            "VIGIE_MIRROR": str(mirror),
            "VIGIE_CORPUS": str(folder / "corpus"),
            "VIGIE_CACHE": str(folder / "cache"),
            "VIGIE_STATE": str(folder / "state"),
        }
    )


def data_table(**keys: object) -> dict[str, object]:
    """A ``[data]`` section without its optional parts, ``keys`` in place of its own."""
    plain: dict[str, object] = {
        "sources": ("ftr",),
        "own_cases": False,
        "instances_per_case": 1,
        "validation_share": 0.25,
        "near_duplicate": 0.7,
        "temperature": 1.0,
    }
    return plain | keys


REGISTERS = ("short", "dialogue", "ugc", "mixed", "parl", "tech", "admin", "encyc", "essay", "lit")


def _write_readings(folder: Path) -> None:
    """Files without a reading: the rows of twins are not those that were reread."""
    folder.mkdir()
    for name in ("ftr", "mlma", "jigsaw_fr"):
        (folder / f"{name}.csv").write_text("row,labels,unknown\n", encoding="utf-8")


def _write_corpus(folder: Path) -> None:
    folder.mkdir()
    for number, name in enumerate(REGISTERS):
        passages = [
            "\n".join(sentence(50_000 + 1_000 * number + 10 * n + line, 30) for line in range(3)) for n in range(40)
        ]
        with lzma.open(folder / f"{name}.txt.xz", "wt", encoding="utf-8") as file:
            file.write("\n\n".join(passages) + "\n")


def _twin_card(path: Path, folder: Path, mirror: Path, files: dict[str, bytes]) -> None:
    text = path.read_text(encoding="utf-8")
    card = tomllib.loads(text)
    tables = []
    for name, content in files.items():
        target = mirror / card["repository"] / card["commit"] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        tables.append(
            f'[[file]]\npath = "{name}"\nurl = "https://127.0.0.1:9/{name}"\nbytes = {len(content)}\n'
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_text(text.split("[[file]]")[0] + "\n".join(tables), encoding="utf-8")


def _csv(head: list[str] | None, rows: list[list[object]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows(([head] if head else []) + rows)
    return out.getvalue().encode()


def _ftr() -> dict[str, bytes]:
    rows: list[list[object]] = [[n, sentence(n), (n % 3 == 0 and 1) or 0] for n in range(60)]
    rows += [
        [100, "des nazis partout dit-il, " + sentence(900), 1],
        [101, "je suis crevée ce soir " + sentence(901), 0],
    ]
    rows += [[102, sentence(5).upper() + " !", 0], [103, "@Paul_75 regarde https://exemple.fr/x " + sentence(902), 0]]
    cut = b'104,"' + sentence(903).encode() + b' caf\xc3",0\r\n'  # a character cut in two, as in the real file
    return {"FTR_new_labels.csv": _csv(["id", "tweet", "label"], rows) + cut}


def _mlma() -> dict[str, bytes]:
    head = ["HITId", "tweet", "sentiment", "directness", "annotator_sentiment", "target", "group"]
    kinds = [
        ("hateful", "origin", "arabs"),
        ("normal", "other", "other"),
        ("offensive", "origin", "african_descent"),
        ("hateful_offensive", "religion", "jews"),
        ("normal_fearful", "other", "individual"),
        ("hateful", "origin", "indian/hindu"),
        ("abusive", "gender", "women"),
    ]
    rows: list[list[object]] = [
        [n, f"@user {sentence(2000 + n)} @url", kind[0], "direct", "anger", kind[1], kind[2]]
        for n in range(63)
        for kind in [kinds[n % len(kinds)]]
    ]
    rows.append([63, sentence(2000).upper(), "normal", "direct", "joy", "other", "other"])  # copy of row 0, other label
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hate_speech_mlma/fr_dataset.csv", _csv(head, rows))
        archive.writestr("hate_speech_mlma/en_dataset.csv", b"not,read\r\n")
    return {"hate_speech_mlma.zip": out.getvalue()}


def _jigsaw() -> dict[str, bytes]:
    labels = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
    head = ["msg_id", "original_text", *labels, "content", "explication", "labels"]
    marks = [(1, 0, 0, 1, 0, 0), (1, 0, 1, 0, 1, 0), (0, 0, 0, 0, 0, 0), (1, 1, 1, 0, 1, 1), (1, 0, 0, 0, 0, 0)]
    rows: list[list[object]] = [
        [f"m{n:03d}", "english, not read", *marks[n % 5], f"{sentence(4000 + n)},\n{n}", "not, a label", "x"]
        for n in range(50)
    ]
    return {"data/JigsawData/subset_jigsaw_annotated.csv": _csv(head, [*rows, rows[7]])}


def _safety() -> dict[str, bytes]:
    bom, files = b"\xef\xbb\xbf", {}
    for place, name in enumerate(("Insult", "Mental_Health", "commonsense")):
        end = ' affichez le choix dangereux."' if name == "commonsense" else '"'
        lines = [f'"{sentence(6000 + 100 * place + n)}.{end}' for n in range(30)]
        lines.append(f"{sentence(6090 + 100 * place)}, {sentence(6091 + 100 * place)}")  # a comma outside quotes
        files[f"fr/{name}.csv"] = (b"" if name == "commonsense" else bom) + "\r\n".join(lines).encode()
    return files


CHAT_HEAD = [
    "ID",
    "NAME",
    "TIME",
    "TEXT",
    "ROLE",
    "HATE",
    "TARGET",
    "VERBAL_ABUSE",
    "INTENTION",
    "CONTEXT",
    "SENTIMENT",
]
VOID = "File: a.xlsx, Value: NULL; File: b.xlsx, Value: NULL; Majority: NULL"


def _chats() -> dict[str, bytes]:
    kinds = [
        ("bully", "OAG", "victim", "THR", "ATK"),
        ("victim", "OAG", "bully", "NCG", "DFN"),
        ("victim_support", "NAG", VOID, VOID, "CNS"),
        ("bully ", "CAG", "victim", "DNG", "ATK"),
        ("bully_support", "NAG", VOID, "NULL", "OTH"),
        ("bully_support", "OAG", "victim", "NCG", "AIN"),
    ]
    files = {}
    for chat in range(12):
        book = Workbook()
        book.active.append(CHAT_HEAD)
        for n in range(12):
            role, hate, target, abuse, intention = kinds[n % 6]
            text = None if (chat, n) == (0, 11) else sentence(8000 + 100 * chat + n)
            book.active.append([n, "Zoé", "[9:13]", text, role, hate, target, abuse, intention, VOID, "NEG"])
        out = io.BytesIO()
        book.save(out)
        mark = "\ufeff" if chat == 0 else ""  # one of the published names holds a byte order mark
        files[f"majority_vote/scenario_{chat:02d}{mark} (Re-Do)_output.xlsx"] = out.getvalue()
    return files


def _toolbox() -> dict[str, bytes]:
    return {"train_fr_34468.csv": _csv(None, [[n % 2, sentence(12000 + n)] for n in range(40)])}


def _honest() -> dict[str, bytes]:
    head = ["template_masked", "raw", "identity", "number", "category", "type"]
    rows: list[list[object]] = [
        [f"{sentence(14000 + n, 3)} [M].", "x", "sœur", "singular", "female", "y"] for n in range(5)
    ]
    return {"resources/binary/fr_template.tsv": _csv(head, rows, "\t")}


def _hatecheck() -> dict[str, bytes]:
    head = ["mhc_case_id", "functionality", "test_case", "label_gold", "target_ident", "templ_id"]
    rows: list[list[object]] = [
        [n, "negate_neg_nh", sentence(15000 + n), "non-hateful" if n % 2 else "hateful", "women", n // 2]
        for n in range(6)
    ]
    return {"MHC Final Cases/hatecheck_cases_final_spanish.csv": _csv(head, rows)}


TWINS = {
    "ftr": _ftr,
    "mlma": _mlma,
    "jigsaw_fr": _jigsaw,
    "safety_fr": _safety,
    "cyberagression": _chats,
    "nlp_toolbox": _toolbox,
    "honest": _honest,
    "hatecheck": _hatecheck,
}

LEXICON = """schema = 1
[[group]]
key = "juifs"
title = "Juifs"
sg = "Juif"
sg_f = "Juive"
pl = "Juifs"
gender = "m"
elide = false
labels = ["haine.origine", "haine.religion"]
[[group]]
key = "arabes"
title = "Arabes"
sg = "Arabe"
pl = "Arabes"
gender = "m"
elide = true
labels = ["haine.origine"]
[[group]]
key = "femmes"
title = "Femmes"
sg = "femme"
pl = "femmes"
gender = "f"
elide = false
labels = ["haine.genre"]
[[group]]
key = "lesbiennes"
title = "Lesbiennes"
sg = "lesbienne"
pl = "lesbiennes"
gender = "f"
elide = false
labels = ["haine.orientation"]
[[group.variants]]
sg = "homosexuelle"
pl = "homosexuelles"
gender = "f"
elide = true
[[group]]
key = "handicapes"
title = "Handicapés"
sg = "handicapé"
sg_f = "handicapée"
pl = "handicapés"
gender = "m"
elide = false
labels = ["haine.handicap"]
[[name]]
text = "Nadia"
gender = "f"
origin = "maghrébine"
[[name]]
text = "Hugo"
gender = "m"
origin = "française"
[[name]]
text = "Awa"
gender = "f"
origin = "subsaharienne"
[[target]]
text = "moustiques"
kind = "animaux"
[[target]]
text = "arbitres"
kind = "personnes"
"""

FUNCTIONALITIES = """schema = 1
family = "haine"
role = "{role}"
[[functionality]]
key = "rejet"
title = "Rejet d'un groupe"
harmful = true
[[functionality]]
key = "eloge"
title = "Éloge d'un groupe"
harmful = false
"""


def case(name: str, text: str, **keys: object) -> str:
    """A ``[[case]]`` table; harmless unless told otherwise."""
    given: dict[str, object] = {"functionality": "eloge", "labels": [], "register": "standard"} | keys
    lines = [f"{key} = {str(value) if isinstance(value, list) else repr(value)}" for key, value in given.items()]
    return "\n".join(["[[case]]", f'id = "{name}"', f'text = """{text}"""', *lines, ""])


def write_own_cases(folder: Path) -> None:
    """A small set: harmful and harmless templates with and without slots, a contrast, and one held-out file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lexicon.toml").write_text(LEXICON, encoding="utf-8")
    train = [
        case("haine-rejet-001", "{Les} n'ont rien à faire dans cette ville, qu'{ils|elles} s'en aillent.",
             functionality="rejet", labels=["haine", "toxicite"], groups="all", contrast="haine-eloge-001"),
        case("haine-eloge-001", "{Les} ont toute leur place dans cette ville, qu'{ils|elles} restent.", groups="all"),
        case("haine-rejet-002", "Moi, je n'embaucherai jamais {un}.", functionality="rejet", labels=["haine"],
             groups=["arabes", "femmes"], unknown=["toxicite"]),
    ]  # fmt: skip
    train += [case(f"haine-eloge-1{n:02d}", sentence(20000 + n) + ", dit {prenom}.") for n in range(30)]
    held = [
        case("haine-rejet-501", "Qu'on ferme la porte {aux} et aux {pl2}.", functionality="rejet",
             labels=["haine"], groups="all"),
        case("haine-eloge-501", sentence(20003) + ", dit {prenom}."),  # near a case that is learnt from
        case("haine-eloge-502", "Les {cible} nous empêchent de dormir " + sentence(21000, 4)),
    ]  # fmt: skip
    for role, cases in (("train", train), ("held_out", held)):
        (folder / f"{role}_haine.toml").write_text(FUNCTIONALITIES.format(role=role) + "".join(cases), encoding="utf-8")
