"""The fixed words of messages, English and French."""

_EN = {
    "info": "Info",
    "warning": "Warning",
    "critical": "CRITICAL",
    "resolved": "Resolved",
    "repeat": "still open",
    "escalation": "nobody took it on",
    "value": "Now",
    "last": "Last",
    "limit": "Limit",
    "since": "Since",
    "over": "over",
    "samples": "samples",
    "lasted": "It lasted",
    "until": "until",
    "means": "What it means",
    "ack": "Take it on",
    "digest": "{n} alerts: {firing} open, {resolved} resolved",
    "ended": "Why it ended",
}
_FR = {
    "info": "Info",
    "warning": "Attention",
    "critical": "CRITIQUE",
    "resolved": "Résolu",
    "repeat": "toujours ouvert",
    "escalation": "personne ne l'a pris",
    "value": "Maintenant",
    "last": "Dernier",
    "limit": "Limite",
    "since": "Depuis",
    "over": "sur",
    "samples": "mesures",
    "lasted": "Durée",
    "until": "jusqu'à",
    "ack": "Le prendre",
    "digest": "{n} alertes : {firing} ouvertes, {resolved} résolues",
    "ended": "Motif de la fin",
}
WORDS = {"en": _EN, "fr": _FR}
REASONS = {
    "en": {
        "cleared": "back within the limit",
        "no-data": "no data any more",
        "rule-changed": "the rule was changed",
        "rule-removed": "the rule was removed",
        "id-gone": "there is no such account any more",
        "no-match": "the rule is not for this account any more",
    },
    "fr": {
        "cleared": "revenu dans la limite",
        "no-data": "plus de données",
        "rule-changed": "la règle a été modifiée",
        "rule-removed": "la règle a été supprimée",
        "id-gone": "ce compte n'existe plus",
        "no-match": "la règle ne concerne plus ce compte",
    },
}
COLON = {"en": ":", "fr": "\u00a0:"}
