"""Names of people who do not exist."""

import unicodedata
from hashlib import sha256

from backbone.demo.corpus import DemoPerson

_GIVEN = """
Alvika Bertran Corvine Dagmund Elowin Farnik Gisèla Haldor Ilvana Jörmun Kaltrin Lüdeke Merisa Nolwin Ostara Perrik
Quillon Runhild Sævar Tamsil Ulvar Vionne Wendrik Xaveen Yllvi Zorana Arnvid Brisela Calwen Dorrin Esmund Fiorane
Gorvin Helvira Ingvalt Jasmund Kerrin Liuva Maldric Nerissa Odvar Pelline Rosvita Sigwin Tjorve Umbrina Valdis
Wolmar Zdenva Ådny Éloan Özkin Tarvo Milvane Ruvik Lennard Solvine Havrik Jovine Bramwin
"""
GIVEN_NAMES = tuple(_GIVEN.split())

_FAMILY = """
Ahrenfeld Birkmoor Castellane Dornwald Eschbrück Fjellholt Grünthal Hollerbek Isenwerth Jarvenholm Kaltenried
Lindqvast Moorbrand Nebelthau Ossendrey Pfahlgruber Quendelin Rauhwasser Silbertann Tannengrün Ulmenhof Vossberga
Wiesenthor Yrjavik Zirbelhain Altbrunnen Brackvelde Czernohora Dünenbruk Elsterwick Föhrenlund Gletschar Heidekamm
Ilmenstrand Kranichow Lärchental Marschendorn Nordahlen Oberquell Pappelgard Riedwasser Schilfgarten Torfmoora
Uferlohe Valderune Wacholdin Ziegenhorst Ambervale Brookmarsh Copperfenn Dunmallow Elmhurstly Fernhollow Gorsemoor
Hazeldenne Ivybrae Larkmeadow Mossgrave Oakenfell Pinewarden
"""
FAMILY_NAMES = tuple(_FAMILY.split())

EMAIL_DOMAIN = "example.org"


def invented(number: int) -> tuple[str, str]:
    """The given and the family name for a number; neighbouring numbers share neither."""
    given = GIVEN_NAMES[number % len(GIVEN_NAMES)]
    return given, FAMILY_NAMES[(number // len(GIVEN_NAMES) + number * 7) % len(FAMILY_NAMES)]


def person(number: int, suffix: str = "") -> DemoPerson:
    """Somebody with that number; ``suffix`` tells two of the same name apart."""
    given, family = invented(number)
    login = f"{plain(given)}.{plain(family)}{suffix}"
    return DemoPerson(login, f"{given} {family}", f"{login}@{EMAIL_DOMAIN}")


def plain(name: str) -> str:
    """The name as it may stand in a log-in: ASCII letters in lower case."""
    spelled = name.casefold().replace("ø", "o").replace("æ", "ae").replace("ł", "l")
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()


def digest_number(word: str) -> int:
    """A number that is always the same for the same word, whatever its case; 64 bits."""
    return int.from_bytes(sha256(b"backbone demo\0" + word.casefold().encode("utf-8", "replace")).digest()[:8])
