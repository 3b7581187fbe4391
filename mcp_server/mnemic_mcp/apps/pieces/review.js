// What waits for a person. Nothing can be decided here: a server cannot tell a person's click from a model's call.
const card = (one) => {
  const marks = one.found.flatMap((found) => found.spans.map(([start, end]) => [start, end, `${found.rule}: ${found.reason}`]));
  const found = one.found.map((each) =>
    element("p", { class: "finding" }, element("span", { class: `status ${each.decision}` }, each.rule), " ", ...asData(each.reason)));
  const day = one.recorded_at.slice(0, 10);
  const rest = one.characters - [...one.text].length;
  return element("li", {}, element("article", { "aria-label": one.id },
    element("p", { class: "facts" },
      element("span", { class: `kind ${one.kind}` }, one.kind), element("bdi", {}, ...asData(one.origin, 80)),
      element("time", { datetime: one.recorded_at }, `${day}, ${ago(day)}`), element("span", {}, `trust ${one.trust.toFixed(1)}`)),
    element("div", { class: "data", dir: "auto" }, ...asMarked(one.text, marks), rest > 0 ? "…" : ""),
    rest > 0 ? element("p", { class: "quiet" }, `${rest.toLocaleString("en")} more characters`) : null,
    ...(found.length > 0 ? found : [element("p", { class: "finding quiet" }, "Put here by a decision.")]),
    element("div", { class: "commands" },
      element("code", {}, `mnemic guard release ${one.id}`), element("code", {}, `mnemic guard reject ${one.id}`))));
};

const reviewNodes = (result, ...buttons) => {
  const told = result._meta?.["mnemic/review"];
  const waiting = told?.waiting ?? [];
  const count = told === undefined ? "" : ` ${waiting.length}${told.more ? "+" : ""} under the policy ${told.policy}`;
  const head = element("div", { class: "head" },
    element("h1", { tabindex: "-1" }, "Waiting for a decision", element("span", { class: "count quiet" }, ...asData(count))), ...buttons);
  if (result.isError || told === undefined) return [head, asWords(result)];
  if (waiting.length === 0) return [head, element("p", { class: "empty" }, "Nothing waits for review.")];
  return [
    head,
    element("p", { class: "quiet deciding" }, "Decided elsewhere, where no model can: in the pages of ",
      element("code", {}, "mnemic inspect"), ", or with the commands below."),
    element("ol", { class: "cards" }, ...waiting.map(card)),
    told.more ? element("p", { class: "quiet" }, "The newest fifty are shown; the others come up as these are decided.") : null,
  ];
};

const fetchReview = async () => {
  busy();
  try {
    return await call("review_memories", {});
  } catch (problem) {
    return { isError: true, content: [{ type: "text", text: problem.message }] };
  }
};
