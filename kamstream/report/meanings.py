"""What each KPI is called and what it means, in one line, English and French.

>>> title("first_response_time.p90", "fr"), window_title("30d", "fr"), meaning("nps", "en")
('Première réponse, p90', '30 jours', 'Share of promoters minus share of detractors in surveys, from −100 to 100')
"""

from kamstream.dashboard import words
from kamstream.windows import NOW

#: Family → English meaning, French title, French meaning.
_FAMILIES = {
    "first_response_time": (
        "From a customer's ticket to our first answer",
        "Première réponse",
        "Du ticket d’un client à notre première réponse",
    ),
    "response_time": (
        "How long a customer's message waits for an answer",
        "Temps de réponse",
        "Attente d’un message du client avant une réponse",
    ),
    "resolution_time": (
        "From opening a ticket to solving it",
        "Résolution",
        "De l’ouverture d’un ticket à sa solution",
    ),
    "resolution_rate": (
        "Tickets of the period that are solved",
        "Taux de résolution",
        "Tickets de la période qui sont résolus",
    ),
    "reopen_rate": (
        "Solved tickets that came back",
        "Taux de réouverture",
        "Tickets résolus qui sont revenus",
    ),
    "open_tickets": ("Tickets not solved at this moment", "Tickets ouverts", "Tickets non résolus à cet instant"),
    "oldest_wait": (
        "The longest that a customer waits for us now",
        "Plus longue attente",
        "La plus longue attente d’un client à cet instant",
    ),
    "sla_first_response": (
        "First answers within the time promised",
        "Premières réponses à temps",
        "Premières réponses dans le délai promis",
    ),
    "sla_resolution": (
        "Tickets solved within the time promised",
        "Résolutions à temps",
        "Tickets résolus dans le délai promis",
    ),
    "conversion_rate": (
        "Closed deals that were won",
        "Taux de conversion",
        "Affaires closes qui ont été gagnées",
    ),
    "conversion_rate_value": (
        "The same by amount: won, of all that was decided",
        "Conversion en valeur",
        "De même en montant\u00a0: le gagné, sur tout ce qui a été décidé",
    ),
    "opportunity_win_rate": (
        "Deals opened in the period that are won by now",
        "Opportunités gagnées",
        "Affaires ouvertes sur la période et gagnées à ce jour",
    ),
    "deal_cycle_time": (
        "From opening a deal to winning it",
        "Cycle de vente",
        "De l’ouverture d’une affaire à sa signature",
    ),
    "revenue": ("Amount of the deals won", "Chiffre d’affaires", "Montant des affaires gagnées"),
    "average_deal_size": ("Revenue per deal won", "Affaire moyenne", "Chiffre d’affaires par affaire gagnée"),
    "gross_margin": (
        "What is left of revenue after costs",
        "Marge brute",
        "Ce qui reste du chiffre d’affaires après les coûts",
    ),
    "revenue_growth": (
        "Revenue against the period before",
        "Croissance",
        "Chiffre d’affaires par rapport à la période précédente",
    ),
    "market_share": (
        "Our part of what the customer spends in the category",
        "Part de marché",
        "Notre part des dépenses du client dans la catégorie",
    ),
    "new_products": (
        "Products that were bought for the first time",
        "Nouveaux produits",
        "Produits achetés pour la première fois",
    ),
    "weighted_pipeline": (
        "Open deals expected in the days ahead, weighted by probability",
        "Pipeline pondéré",
        "Affaires attendues dans les jours à venir, pondérées par la probabilité",
    ),
    "nps": (
        "Share of promoters minus share of detractors in surveys, from −100 to 100",
        "NPS",
        "Part des promoteurs moins part des détracteurs, de −100 à 100",
    ),
    "interaction_frequency": (
        "Contacts a week, without automatic messages",
        "Interactions",
        "Contacts par semaine, sans les messages automatiques",
    ),
    "active_contacts": (
        "People at the customer we were in touch with",
        "Contacts actifs",
        "Personnes chez le client avec qui nous avons échangé",
    ),
    "joint_engagement": (
        "Joint milestones reached in time",
        "Jalons tenus",
        "Jalons communs tenus à temps",
    ),
    "contract_duration": (
        "Average length of the contracts that began",
        "Durée des contrats",
        "Durée moyenne des contrats commencés",
    ),
    "retention_rate": (
        "Customers under contract before who still are",
        "Fidélisation",
        "Clients sous contrat avant la période qui le sont encore",
    ),
    "net_revenue_retention": (
        "Yearly contract value of the same customers, now against then",
        "Rétention nette",
        "Valeur annuelle des contrats des mêmes clients, aujourd’hui et avant",
    ),
    "gross_revenue_retention": (
        "The same without growth: what was kept",
        "Rétention brute",
        "De même sans la croissance\u00a0: ce qui a été gardé",
    ),
}
_STATISTICS = {
    "en": {"mean": "on average", "p50": "half of the time", "p90": "nine times out of ten"},
    "fr": {"mean": "en moyenne", "p50": "une fois sur deux", "p90": "neuf fois sur dix"},
}
_STATISTICS_FR = {"mean": "moyenne", "p50": "médiane", "p90": "p90", "business": "heures ouvrées"}
_UNITS_FR = {"m": ("minute", "minutes"), "h": ("heure", "heures"), "d": ("jour", "jours")}
_CALENDAR_FR = {"mtd": "mois en cours", "qtd": "trimestre en cours", "ytd": "année en cours", NOW: "maintenant"}


def title(kpi: str, language: str) -> str:
    """A KPI's name as a person says it."""
    family, *statistics = kpi.split(".")
    if language == "en" or family not in _FAMILIES:
        return words.title(kpi)
    return ", ".join([_FAMILIES[family][1], *(_STATISTICS_FR.get(part, part) for part in statistics)])


def meaning(kpi: str, language: str) -> str:
    """What a KPI means in one line; empty for an unknown one."""
    family, *statistics = kpi.split(".")
    if family not in _FAMILIES:
        return words.description(kpi)
    said = _FAMILIES[family][0 if language == "en" else 2]
    return ", ".join([said, *(_STATISTICS[language][part] for part in statistics if part in _STATISTICS[language])])


def window_title(window: str, language: str) -> str:
    """A window in words: ``24h`` is ``24 heures``."""
    if language == "en":
        return words.window_title(window)
    if window in _CALENDAR_FR:
        return _CALENDAR_FR[window]
    count, unit = window[:-1], window[-1:]
    return f"{count} {_UNITS_FR[unit][count != '1']}" if unit in _UNITS_FR else window


def in_sentence(field: str, language: str) -> str:
    """A value's name without commas, for a list of several: First response p90 (30 days)."""
    kpi, _, window = field.rpartition(":")
    name = title(kpi, language).replace(", ", " ")
    return name if window == NOW else f"{name} ({window_title(window, language)})"


def field_title(field: str, language: str) -> str:
    """A value's name in words, by its field ``kpi:window``."""
    kpi, _, window = field.rpartition(":")
    return title(kpi, language) if window == NOW else f"{title(kpi, language)}, {window_title(window, language)}"
