"""French words for keys that documents show. Tests hold them in step with the code that owns the keys."""

from __future__ import annotations

from training.data.cards import LicenceClass, Use
from training.data.cases import Register

#: Kinds of events of the queue's chain (``serving.review``, which training may not import).
EVENTS = {
    "received": "le cas est reçu, sur disque",
    "scored": "le modèle l'a noté",
    "score_failed": "le modèle n'a pas pu le noter ; il reste lisible",
    "claimed": "une personne l'a pris",
    "released": "elle l'a rendu",
    "lease_expired": "son délai de lecture a expiré",
    "decided": "une personne l'a qualifié et a choisi une action",
    "escalated": "passé à une personne plus expérimentée",
    "appealed": "la décision est contestée",
    "reach_changed": "la portée du contenu a changé",
    "skipped": "une personne l'a passé",
    "reassigned": "un superviseur l'a remis à quelqu'un",
    "undone": "une décision toute fraîche est reprise par qui l'a prise",
    "noted": "une note est ajoutée (son empreinte, non ses mots)",
    "known": "un texte égal avait été jugé : même décision, source nommée",
    "erased": "le texte est effacé",
}

#: Roles of people (``serving.review``).
ROLES = {
    "analyst": "prend et décide des cas",
    "senior": "décide aussi de ce que d'autres ont passé",
    "supervisor": "voit aussi l'équipe et les délais, remet des cas",
    "researcher": "voit les chiffres et les seuils, aucun cas",
    "admin": "fait comptes et clefs ; ne lit aucun cas",
}

USES = {Use.TRAINING.value: "apprentissage", Use.EVALUATION.value: "évaluation seulement, jamais apprise"}

CLASSES = {
    LicenceClass.OPEN.value: "ouverte, usage commercial compris",
    LicenceClass.RESEARCH.value: "recherche seulement : le paquet est non commercial",
    LicenceClass.UNLICENSED.value: "aucune licence : jamais par défaut",
    LicenceClass.EVALUATION.value: "pour juger, jamais pour apprendre",
}

REGISTERS = {
    Register.STANDARD: "standard écrit",
    Register.ORAL: "oral",
    Register.SMS: "messages (SMS)",
    Register.VERLAN: "verlan et argot",
    Register.REGIONAL: "régional (France, Belgique, Suisse, Québec)",
    Register.AFRICAIN: "français d'Afrique",
    Register.EMOJI: "emoji porteurs de sens",
}
