"""What people set for themselves: how texts appear, topics they would rather not be handed, their open sessions."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.api.auth import COOKIE, SIGN_IN, caller_of, person
from serving.api.threads import in_thread
from serving.bundle import FAMILIES
from serving.review import READERS, Opening

from .desk import Desk, field, fields, signed_in
from .sign_in import PREFERENCES

#: What has just been done, said once.
_DONE = {
    "lecture": "Lecture des textes enregistrée.",
    "raccourcis": "Raccourcis enregistrés.",
    "sujets": "Sujets enregistrés. Personne d’autre ne les voit.",
    "code-retire": "Le code n’est plus demandé à la connexion.",
    "mot-de-passe": "Mot de passe changé.",
}


#: What becomes of the text of a case that one holds, in the words of the form.
OPENING_WORDS = {
    Opening.MASKED: ("Masqué", "il attend que vous le révéliez"),
    Opening.VEILED: ("Voilé", "il paraît sans les mots qui pèsent"),
    Opening.SHOWN: ("Montré", "il paraît en entier"),
}


class PreferencePages:
    """The views of the settings; for every role, topics and the reading of texts for those who read."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """The settings."""
        caller = caller_of(request)
        account, words = signed_in(caller), self.desk.words
        opened = await in_thread(self.desk.accounts.open_sessions, account.id, caller.session)
        avoided = await in_thread(self.desk.queue.opt_out_of, account.id)
        return self.desk.page(
            request,
            "preferences.html",
            done=_DONE.get(request.query_params.get("fait", "")),
            reads=account.role in READERS,
            openings=[(one.value, *OPENING_WORDS[one], one is account.display.opening) for one in Opening],
            topics=[(family, words.title(family), family in avoided) for family in FAMILIES],
            sessions=[(words.moment(one.opened_at), words.moment(one.expires_at), one.current) for one in opened],
        )

    async def reading(self, request: Request) -> Response:
        """Choose what becomes of the text of a case that one holds."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        chosen = next((one for one in Opening if one.value == field(form, "ouverture")), Opening.MASKED)
        display = replace(account.display, opening=chosen, warned=field(form, "prevenir") == "oui")
        await in_thread(self.desk.accounts.set_display, account.id, display)
        return RedirectResponse(f"{PREFERENCES}?fait=lecture", 303)

    async def shortcuts(self, request: Request) -> Response:
        """Switch single keys on or off."""
        form = await self.desk.form(request)
        account = signed_in(caller_of(request))
        display = replace(account.display, shortcuts=field(form, "raccourcis") == "oui")
        await in_thread(self.desk.accounts.set_display, account.id, display)
        return RedirectResponse(f"{PREFERENCES}?fait=raccourcis", 303)

    async def topics(self, request: Request) -> Response:
        """Replace the topics that one would rather not be handed; nobody else is told."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        await in_thread(self.desk.queue.set_opt_out, account.id, fields(form, "sujet"))
        return RedirectResponse(f"{PREFERENCES}?fait=sujets", 303)

    async def sign_out(self, request: Request) -> Response:
        """End every session, this one included."""
        await self.desk.form(request)
        await in_thread(self.desk.accounts.sign_out_everywhere, signed_in(caller_of(request)).id)
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer
