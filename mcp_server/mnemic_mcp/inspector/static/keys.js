// Keys: / searches, j and k move through rows, enter opens (the row is a link), esc leaves a field or goes back.
(() => {
  "use strict";
  for (const field of document.querySelectorAll("[data-submits]")) {
    field.addEventListener("change", () => field.form.requestSubmit());
  }
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.getClientRects().length > 0);
  const move = (step) => {
    const all = rows();
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
    all[next].focus({ preventScroll: true });
    all[next].scrollIntoView({ block: "nearest" });
  };
  const opens = () => {
    // The address of a message opens it, wherever it stands.
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target && (target.matches("details") ? target : target.querySelector("details"));
    if (fold) {
      fold.open = true;
      fold.querySelector("summary").focus({ preventScroll: true });
      target.scrollIntoView({ block: "start" });
    }
  };
  addEventListener("hashchange", opens);
  opens();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const active = document.activeElement;
    const writing = active !== null && active.matches("input:not([type=checkbox]), select, textarea");
    if (event.key === "Escape") {
      if (writing) active.blur();
      else if (document.querySelector("main [data-back]")) document.querySelector("main [data-back]").click();
      else if (active !== null) active.blur();
      return;
    }
    if (writing) return;
    if (event.key === "/") {
      const question = document.querySelector(".question");
      if (question === null) return;
      event.preventDefault();
      question.focus();
      question.select();
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });
})();
