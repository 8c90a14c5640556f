/* The keys, clocks and help of the console. Everything works without this file, by pointer and Tab. */
"use strict";
(() => {
  const COUNTDOWN_EVERY = 10_000;
  const shortcuts = document.body.dataset.raccourcis !== "non";
  const find = (selector) => document.querySelector(selector);
  const say = (words) => { const live = find("#annonces"); if (live) live.textContent = words; };

  /* Help */
  const help = find("#aide");
  const openHelp = () => { if (help && !help.open) help.showModal(); };
  for (const button of document.querySelectorAll("[data-aide]")) {
    button.hidden = false;
    button.addEventListener("click", openHelp);
  }

  help?.querySelector("[data-ferme]").addEventListener("click", () => help.close());

  /* Keys. Digits by their place, so that an AZERTY row needs no shift; letters by their sign. */
  const keyOf = (event) => {
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
    return digit && !event.shiftKey ? digit[1] : event.key.toLowerCase();
  };
  const writes = (target) => target.closest("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
  const chosen = () => find("#decision input[name=qualification]:checked");
  const finding = () => (chosen()?.value === "licite" ? "legal" : "illegal");

  const pick = (radio) => {
    if (!find("[data-lu]")) return say("Révélez d’abord le texte, avec la touche V.");
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    if (radio.value === "autre") return find("#fondement").focus();
    radio.focus();
    say(`${radio.closest("label").innerText}. Choisissez la suite.`);
  };
  const act = (button) => {
    if (button.form?.id !== "decision") return button.click();
    if (!find("[data-lu]")) return say("Révélez d’abord le texte, avec la touche V.");
    if (!chosen()) return say("Choisissez d’abord la qualification, avec un chiffre.");
    if (!button.dataset.apres.split(" ").includes(finding())) return say("Cette suite ne va pas avec cette qualification.");
    button.click();
  };
  const press = (element) => {
    if (element.matches("input[type=radio]")) return pick(element);
    if (element.matches("button")) return act(element);
    if (element.matches("summary")) { element.parentElement.open = true; return element.focus(); }
    if (element.matches("a")) return element.click();
    element.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (!shortcuts || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.defaultPrevented || writes(event.target) || find("dialog[open]")) return;
    const key = keyOf(event);
    if (key === "?") { event.preventDefault(); return openHelp(); }
    const element = key.length === 1 && find(`[data-touche="${CSS.escape(key)}"]`);
    if (!element) return;
    event.preventDefault();
    press(element);
  });

  /* A decision is sent once. */
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "decision") return;
    if (event.target.dataset.parti) event.preventDefault();
    event.target.dataset.parti = "oui";
  });
  window.addEventListener("pageshow", () => { const form = find("#decision"); if (form) delete form.dataset.parti; });

  /* Time left before a deadline. */
  const span = (seconds) => {
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (minutes < 1) return "moins d’une minute";
    if (minutes < 60) return `${minutes}\u00a0min`;
    if (hours < 24) return minutes % 60 ? `${hours}\u00a0h\u00a0${String(minutes % 60).padStart(2, "0")}` : `${hours}\u00a0h`;
    return hours % 24 && days < 7 ? `${days}\u00a0j\u00a0${hours % 24}\u00a0h` : `${days}\u00a0j`;
  };
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-echeance]")) {
      const left = (Date.parse(clock.dataset.echeance) - Date.now()) / 1000;
      clock.textContent = left > 0 ? `dans ${span(left)}` : `dépassée de ${span(-left)}`;
      const tone = left <= 0 ? "past" : left <= Number(clock.dataset.marge) ? "near" : "calm";
      clock.closest(".delai").className = `delai ${tone}`;
    }
  };
  setInterval(tick, COUNTDOWN_EVERY);

  /* The minute in which a decision can be taken back. */
  const bar = find(".annuler");
  if (bar) {
    const until = Date.now() + Number(bar.dataset.secondes) * 1000;
    const timer = setInterval(() => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left > 0) { bar.querySelector(".reste").textContent = `${left} s`; return; }
      clearInterval(timer);
      bar.querySelector("form").remove();
    }, 1000);
  }
})();
