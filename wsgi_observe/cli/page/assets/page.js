
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // What needs this script is hidden where it does not run.
  for (const element of all("[hidden]")) element.hidden = false;

  // Copy buttons.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // a page that is served without TLS has no clipboard
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button || button.textContent !== "Copy") return;
    await copy(button.dataset.copy ?? button.nextElementSibling.textContent);
    button.textContent = "Copied";
    button.focus();
    document.getElementById("copied").textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
      document.getElementById("copied").textContent = "";
    }, 1500);
  });

  // Filters.
  const levels = { access: "info" };
  const texts = new WeakMap();
  // Of a group, what its stories have in them does not count.
  const parts = ":scope > :not(.stories), :scope > .stories > details > summary, :scope > .stories > p";
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, all(parts, item).map((part) => part.textContent).join("\n").toLowerCase());
    return texts.get(item);
  };
  const levelOf = (item) => {
    const level = item.firstElementChild?.classList[1] ?? "";
    return levels[level] ?? level;
  };
  const filter = (form) => {
    const isShown = Object.fromEntries(all("[type=checkbox]", form).map((box) => [box.value, box.checked]));
    const wanted = form.querySelector("[type=search]").value.trim().toLowerCase();
    const isFiltered = wanted !== "" || Object.values(isShown).includes(false);
    let count = 0;
    for (const item of all(":scope > .records > .chunk > li, :scope > .group", form.parentElement)) {
      const isNote = item.classList.contains("note");
      const isKept = isNote ? !isFiltered
        : isShown[levelOf(item)] !== false && (wanted === "" || textOf(item).includes(wanted));
      if (item.hidden === isKept) item.hidden = !isKept;
      if (isKept && !isNote) count += 1;
    }
    for (const chunk of all(":scope > .records > .chunk", form.parentElement)) {
      chunk.hidden = !chunk.querySelector(":scope > li:not([hidden])");
    }
    const output = form.querySelector("output");
    output.value = (isFiltered ? `${count.toLocaleString("en")} of ` : "") + output.defaultValue;
  };
  for (const form of all("form.filter")) {
    let timer = 0;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(filter, 60, form);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // Links to a record open it, and what it is in.
  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    target.scrollIntoView();
    target.querySelector("summary")?.focus({ preventScroll: true });
  };
  addEventListener("hashchange", openTarget);
  addEventListener("load", openTarget);  // later than the browser's own move to the target

  // Keys.
  const rows = all(".record > summary, .stories > details > summary");
  const move = (step, accepts) => {
    const at = rows.indexOf(document.activeElement);
    for (let i = at < 0 && step < 0 ? rows.length - 1 : at + step; rows[i]; i += step) {
      if (accepts(rows[i]) && rows[i].checkVisibility()) {
        rows[i].focus();
        return;
      }
    }
  };
  const toggleAll = () => {
    const records = all(".record").filter((record) => record.checkVisibility());
    const isOpening = !records.some((record) => record.open);
    for (const record of records) record.open = isOpening;
  };
  const keys = {
    j: () => move(1, () => true),
    k: () => move(-1, () => true),
    e: () => move(1, (row) => row.parentElement.classList.contains("error")),
    a: toggleAll,
    "/": () => all("form.filter [type=search]").find((input) => input.checkVisibility())?.focus(),
  };
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input[type=search], textarea");
    if (isTyping && event.key === "Escape") event.target.blur();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
