"""Invented company names, in the manner of each country."""

from __future__ import annotations

from random import Random

HEADS = (
    "Al", "Bor", "Cal", "Dren", "Es", "Fal", "Gar", "Hol", "Il", "Jun", "Kor", "Lum", "Mar", "Nor", "Or",
    "Pel", "Quin", "Ros", "Sol", "Tor", "Ul", "Ven", "Wes", "Zan",
)  # fmt: skip
MIDDLES = ("a", "e", "i", "o", "ami", "ere", "ida", "ola", "uni", "ever", "ado", "ent")
TAILS = (
    "lis", "dis", "tec", "mont", "ra", "via", "tis", "dan", "gen", "berg", "cor", "val", "nova", "mer", "lux",
    "stad",
)  # fmt: skip
TRADES = {
    "industry": ("Works", "Precision", "Materials", "Castings", "Drives"),
    "retail": ("Stores", "Markets", "Home", "Fashion", "Trading"),
    "health": ("Clinics", "Pharma", "Care", "Diagnostics", "Labs"),
    "energy": ("Power", "Grid", "Renewables", "Gas", "Solar"),
    "logistics": ("Freight", "Lines", "Logistics", "Cargo", "Ports"),
    "finance": ("Capital", "Assurance", "Bank", "Leasing", "Credit"),
}
FORMS = {
    "FR": "SA", "DE": "GmbH", "IT": "S.p.A.", "ES": "S.L.", "NL": "B.V.", "GB": "Ltd", "PL": "Sp. z o.o.",
    "SE": "AB", "US": "Inc.", "SG": "Pte. Ltd.",
}  # fmt: skip
SEGMENTS = tuple(TRADES)


def company_name(rng: Random, segment: str, country: str, taken: set[str]) -> str:
    """A name that no company of this world bears yet, such as "Torevia Freight B.V."."""
    while True:
        stem = rng.choice(HEADS) + rng.choice(MIDDLES) + rng.choice(TAILS)
        name = f"{stem} {rng.choice(TRADES[segment])} {FORMS[country]}"
        if name not in taken:
            taken.add(name)
            return name
