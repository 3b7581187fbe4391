// Why recall answered so. The answer is the one the model got; how it came about stands in the result's _meta.
const BAR = 1000;
const PARTS = new Map(KNOWN.parts);
const SAID = 420;
let asking = {};
let answers = [];

const partName = (name) => name.replaceAll("_", " ");
const partsOf = (why) => Object.entries(why?.parts ?? {}).filter(([name]) => PARTS.has(name));

const bar = (why, scale) => {
  const box = drawn("svg", { class: "bar", viewBox: `0 0 ${BAR} 12`, width: "100%", height: "12", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { class: "rail", width: BAR, height: "12" }));
  let x = 0;
  for (const name of PARTS.keys()) {
    const width = Math.max(0, why.parts[name] ?? 0) * scale;
    if (width > 0) box.append(drawn("rect", { class: `p-${name}`, x: x.toFixed(1), width: width.toFixed(1), height: "12" }));
    x += width;
  }
  return box;
};

// Folded but for the first hit: a conversation has little room, and the bar says the most of it.
const reasons = (why, scale, open) => {
  const made = partsOf(why).map(([name, value]) => element("span", {}, element("b", {}, value.toFixed(3)), ` ${partName(name)}`));
  const sum = partsOf(why).reduce((total, [, value]) => total + Math.max(0, value), 0);
  if (sum > 0.6) made.push(element("span", { class: "quiet" }, `sum ${sum.toFixed(3)}, bent below 1`));
  const channels = Object.entries(why.channels).sort((one, other) => one[1] - other[1]).map(([name, place]) =>
    element("span", { class: "channel" }, `${name} `, element("b", {}, `#${place}`)));
  return element("details", { class: "reasons", ...(open ? { open: "" } : {}) },
    element("summary", {}, "why", bar(why, scale)),
    element("p", { class: "made" }, ...made),
    element("p", { class: "channels" }, element("span", { class: "quiet" }, "proposed by"),
      ...(channels.length > 0 ? channels : [element("span", { class: "quiet" }, "no channel: a turn beside it was found")])));
};

const words = (memory) => {
  const scenario = memory.when_to_use ? element("i", {}, "when: ", ...asData(memory.when_to_use, 160), " ") : null;
  if ([...memory.text].length <= SAID) return element("p", { class: "said", dir: "auto" }, scenario, ...asData(memory.text));
  return element("details", { class: "said", dir: "auto" }, element("summary", {}, scenario,
    element("span", { class: "begin" }, ...asData(memory.text, SAID)), element("span", { class: "whole" }, ...asData(memory.text))));
};

const facts = (memory) => {
  const plain = [
    memory.speaker, memory.role && !memory.speaker ? memory.role : "", memory.origin, memory.source, memory.session,
    memory.confirmations ? `confirmed ${memory.confirmations}×` : "", memory.true_from ? `true from ${memory.true_from} on` : "",
    memory.true_until ? `true until ${memory.true_until}` : "", memory.characters ? `characters ${memory.characters}` : "",
  ].filter(Boolean);
  return element("p", { class: "facts" },
    element("span", { class: `kind ${PLAIN_KINDS.has(memory.kind) ? memory.kind : ""}` }, ...asData(memory.kind)),
    memory.status ? element("span", { class: "status superseded" }, ...asData(memory.status)) : null,
    element("time", { datetime: memory.when }, `${memory.when}, ${ago(memory.when)}`),
    ...plain.map((fact) => element("bdi", {}, ...asData(fact, 90))),
    ...(memory.tags ?? []).slice(0, 6).map((tag) => element("bdi", { class: "tag" }, ...asData(tag, 40))),
    element("code", {}, ...asData(memory.id)));
};
const PLAIN_KINDS = new Set(["episodic", "semantic", "procedural", "lesson"]);

const hit = (memory, why, scale, first) => element("li", {},
  words(memory),
  memory.score === undefined ? null : element("span", { class: "score" }, memory.score.toFixed(3)),
  ...(memory.beware ?? []).map((label) => element("p", { class: "beware" }, ...asData(label))),
  why === undefined ? null : reasons(why, scale, first), facts(memory),
  memory.alike ? element("p", { class: "channels" }, element("span", { class: "quiet" }, `stands for ${memory.alike.length} that say the same`)) : null);

const keptBack = (withheld, inAll) => {
  if (withheld.length === 0) return null;
  const rows = withheld.map((one) => element("li", {}, element("code", {}, ...asData(one.id)),
    element("bdi", { class: "origin" }, ...asData(one.origin, 80)),
    one.contested ? element("span", { class: "status superseded" }, "contested") : null,
    ...one.reasons.map((reason) => element("span", { class: "reason" }, ...asData(reason)))));
  return element("section", { class: "withheld", "aria-labelledby": "withheld" },
    element("h2", { id: "withheld" }, "Withheld by the guard ", element("span", { class: "count" }, String(inAll))),
    element("ul", {}, ...rows));
};

const question = () => {
  const given = typeof asking.query === "string" ? asking.query : "";
  if (!canCall()) return given ? element("p", { class: "quiet" }, "Asked: ", element("bdi", {}, ...asData(given, 300))) : null;
  const field = element("input", { id: "q", class: "question", type: "search", maxlength: "2000", value: given, placeholder: "Ask what an agent would ask", autocomplete: "off" });
  const button = element("button", { type: "button" }, "Ask");
  const send = () => {
    const { history_of: _, ...kept } = asking;
    void again({ ...kept, query: field.value });
  };
  button.addEventListener("click", send);
  // No form is sent: a frame without allow-forms would refuse it in silence.
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) send(); });
  return element("div", { class: "search line", role: "search" },
    element("label", { class: "hidden-title", for: "q" }, "Question"), field, button);
};

const render = () => {
  const title = element("h1", { class: "hidden-title", tabindex: "-1" }, KNOWN.title);
  const found = answers.flatMap((answer) => answer.structuredContent?.memories ?? []);
  const last = answers.at(-1);
  if (last === undefined) return show(title, question(), element("p", { class: "empty" }, "Recalling…"));
  if (last.isError || last.structuredContent === undefined) return show(title, question(), asWords(last));
  const told = answers.map((answer) => answer._meta?.["mnemic/why"]).filter(Boolean);
  const whys = new Map(told.flatMap((one) => Object.entries(one.hits)));
  const sums = [...whys.values()].map((why) => partsOf(why).reduce((sum, [, value]) => sum + Math.max(0, value), 0));
  const scale = BAR / Math.max(0.6, ...sums);
  const used = new Set([...whys.values()].flatMap((why) => Object.keys(why.parts)));
  const legend = KNOWN.parts.filter(([name]) => used.has(name)).map(([name, meaning]) => element("li", { title: meaning },
    drawn("svg", { viewBox: "0 0 10 10", width: "10", height: "10", "aria-hidden": "true" }, drawn("rect", { class: `p-${name}`, width: "10", height: "10", rx: "2" })), partName(name)));
  const considered = told.at(-1)?.considered;
  const cursor = last.structuredContent.next_cursor;
  const notes = answers.flatMap((answer) => answer.structuredContent.notes ?? []);
  show(
    title, question(),
    ...notes.map((note) => element("p", { class: "note" }, ...asData(note))),
    legend.length > 0 ? element("ul", { class: "legend", "aria-label": "What scores are made of" }, ...legend) : null,
    found.length > 0
      ? element("ol", { class: "rows why" }, ...found.map((memory, place) => hit(memory, whys.get(memory.id), scale, place === 0)))
      : element("p", { class: "empty" }, ...asData(last.structuredContent.reason ?? "Nothing was found.")),
    keptBack(told.flatMap((one) => one.withheld), told.reduce((sum, one) => sum + one.withheld_in_all, 0)),
    element("div", { class: "end" },
      element("p", { class: "quiet", role: "status" }, considered === undefined ? `${found.length} memories.` : `${found.length} shown of ${considered} candidates.`),
      cursor && canCall() ? element("button", { type: "button", click: () => again({ ...asking, cursor }) }, "More") : null,
      canCall() ? element("button", { type: "button", click: openReview }, "Waiting for review") : null));
};

const again = async (args) => {
  busy();
  let answer;
  try {
    answer = await call("recall", args);
  } catch (problem) {
    answer = { isError: true, content: [{ type: "text", text: problem.message }] };
  }
  const { cursor: _, ...kept } = args;
  asking = kept;
  answers = args.cursor === undefined || answer.isError ? [answer] : [...answers, answer];
  render();
  view.querySelector("h1")?.focus({ preventScroll: true });
};

const openReview = async () => {
  const back = element("button", { type: "button", click: () => { render(); view.querySelector("h1")?.focus({ preventScroll: true }); } }, "Back");
  show(...reviewNodes(await fetchReview(), back));
  view.querySelector("h1")?.focus({ preventScroll: true });
};

on("ui/notifications/tool-input", ({ arguments: args }) => {
  const { cursor: _, ...kept } = args ?? {};
  asking = kept;
  render();
});
on("ui/notifications/tool-result", (result) => {
  // A host may tell of calls that this view made itself.
  if (result._meta?.["mnemic/review"] !== undefined) return;
  answers = [result];
  render();
});
on("ui/notifications/tool-cancelled", () => show(element("p", { class: "empty" }, "The call was cancelled.")));
connect();
