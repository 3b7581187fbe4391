const showReview = (result) => {
  const again = canCall() ? element("button", { type: "button", click: async () => showReview(await fetchReview()) }, "Look again") : "";
  show(...reviewNodes(result, again));
};
on("ui/notifications/tool-result", showReview);
on("ui/notifications/tool-cancelled", () => show(element("p", { class: "empty" }, "The call was cancelled.")));
connect();
