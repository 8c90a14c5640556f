"""Says an error to an analyst, in French, and what to do next."""

from __future__ import annotations

from serving.bundle.errors import Conflict, Forbidden, InputError, NotFound, Unavailable, VigieError

_BY_CODE = {
    "not_claimed_by_you": "Ce dossier n’est plus à vous : sa réservation a pris fin, ou quelqu’un l’a traité.",
    "wrong_state": "Ce dossier a changé entre-temps. Rechargez-le pour voir où il en est.",
    "missing_finding": "Choisissez la qualification : licite, ou le fondement d’un contenu illicite.",
    "missing_grounds": "Écrivez le motif de la réclamation.",
    "missing_ground": "Un contenu illicite doit avoir un fondement : choisissez-le dans la liste.",
    "unknown_ground": "Ce fondement n’existe pas : choisissez-le dans la liste.",
    "unknown_action": "Choisissez la suite donnée dans la liste.",
    "contradiction": "Cette suite ne va pas avec cette qualification : choisissez l’une ou l’autre autrement.",
    "wrong_password": "Le mot de passe actuel n’est pas le bon, ou le compte est bloqué quelques minutes.",
    "bad_password": "Ce mot de passe est trop court ou trop long : choisissez-en un d’au moins douze caractères.",
    "same_password": "Le nouveau mot de passe est celui d’avant : choisissez-en un autre.",
    "cannot_undo": "Cette décision ne peut plus être annulée : le délai est passé, ou le dossier a changé depuis.",
    "not_open_to_you": "Ce dossier n’attend plus, ou vous y avez déjà pris part : laissez-le à quelqu’un d’autre.",
    "not_open_to_them": "Cette personne a déjà jugé ce dossier, ou il attend un référent : choisissez-en une autre.",
    "already_golden": "Ce dossier sert déjà de référence, ou en a servi.",
    "enough_today": "Ce texte est grave et vous en avez lu assez aujourd’hui : laissez-le à quelqu’un d’autre.",
    "bad_day": "Écrivez les jours sous la forme 2026-03-02.",
    "wrong_code": "Ce code n’est pas le bon ou a déjà servi. Saisissez celui qui s’affiche maintenant.",
    "already_enrolled": "Un code est déjà demandé pour ce compte. Retirez-le d’abord pour changer d’appareil.",
    "csrf": "La page a expiré. Rechargez-la, puis recommencez.",
}

_BY_CLASS: tuple[tuple[type[VigieError], str], ...] = (
    (NotFound, "Ce dossier n’existe pas, ou plus."),
    (Conflict, "Ce dossier a changé entre-temps. Rechargez-le pour voir où il en est."),
    (Forbidden, "Votre rôle ne permet pas cette action."),
    (InputError, "Le formulaire est incomplet ou incohérent. Vérifiez le fondement et la suite donnée."),
    (Unavailable, "Le service ne peut pas répondre pour l’instant. Réessayez dans un moment."),
)

_UNFORESEEN = "Une erreur est survenue. Réessayez ; si elle persiste, prévenez l’administrateur."


def sentence(error: VigieError) -> str:
    """The sentence for ``error``."""
    by_class = next((words for kind, words in _BY_CLASS if isinstance(error, kind)), _UNFORESEEN)
    return _BY_CODE.get(error.code, by_class)
