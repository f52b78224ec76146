"use strict";

// What a model wrote is hostile. It reaches the page as text nodes only: `append` and `textContent`, never as markup.

const ROWS_PER_PAGE = 100;
const UNITS = [[2 ** 40, "T"], [2 ** 30, "G"], [2 ** 20, "M"], [2 ** 10, "k"]];
const MARKS = { right: "✓", tie: "≈", wrong: "✗", "no answer": "–", error: "!", unfinished: "…" };
const NOT_RIGHT = "not right";
const ABSENT = "not in this run";
const CROWD = 6; // more runs than these are printed in smaller letters
const MANY = 3; // more runs than these have their filters folded away
// shown by number, as in names: controls, what turns the direction of writing, halves of surrogate pairs; not tab and newline
const INVISIBLE = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const naturally = new Intl.Collator("en", { numeric: true });
const columns = [
  { name: "problem", value: (problem) => data.problems[problem] },
  ...(data.groups ? [{ name: "task", value: (problem) => data.groups[problem] }] : []),
  ...data.runs.flatMap(columnsOf),
];
const everything = data.problems.map((_, problem) => problem);
const common = commonProblems();
const START = { query: "", wanted: data.runs.map(() => ""), problems: common.length ? common : everything };
const view = { ...START, column: columns[0], direction: 1, page: 0 };
const opened = new Map(); // problem -> the row with its chains
const blocks = new Map(); // number -> promise of its content

// ---- small things

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(text, action, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", action);
  return made;
}

function visible(text) {
  return text.replace(INVISIBLE, (found) => `<U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

function amount(value) {
  if (value === null) return "–";
  const unit = UNITS.find(([size]) => Math.abs(value) >= size);
  return unit ? digits(value / unit[0]) + unit[1] : value.toFixed(0);
}

function digits(value) {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

function outcomeOf(run, problem) {
  const number = run.outcome[problem];
  return number === null ? ABSENT : data.outcomes[number];
}

function classOfOutcome(outcome) {
  return `outcome-${outcome.replaceAll(" ", "-")}`;
}

function outcomeText(outcome, more = "") {
  return element("span", { class: classOfOutcome(outcome) }, `${MARKS[outcome] ?? ""} ${outcome}${more}`.trim());
}

// ---- the table of problems

function commonProblems() {
  const taskOf = (problem) => data.groups?.[problem];
  const runsOf = new Map(); // task -> its runs
  for (const problem of everything) {
    const there = data.runs.filter((run) => run.outcome[problem] !== null);
    runsOf.set(taskOf(problem), new Set([...(runsOf.get(taskOf(problem)) ?? []), ...there]));
  }
  return everything.filter((problem) => [...runsOf.get(taskOf(problem))].every((run) => run.outcome[problem] !== null));
}

function columnsOf(run) {
  const share = (problem) => (run.graded[problem] ? run.right[problem] / run.graded[problem] : null);
  return [
    { name: "outcome", run, first: true, value: (p) => run.outcome[p], show: (p) => outcomeText(outcomeOf(run, p)) },
    { name: "right", run, value: share, show: (p) => (run.right[p] === null ? "–" : `${run.right[p]}/${run.graded[p]}`) },
    { name: "reads", run, value: (p) => run.reads[p], show: (p) => amount(run.reads[p]) },
  ];
}

function compare(one, other) {
  const [a, b] = [view.column.value(one), view.column.value(other)];
  const byName = naturally.compare(data.problems[one], data.problems[other]);
  if (a === null || b === null) return (a === null) - (b === null) || byName; // nothing comes last either way
  const difference = typeof a === "string" ? naturally.compare(a, b) : a - b;
  return difference * view.direction || byName;
}

function fits(problem) {
  const name = `${data.problems[problem]} ${data.groups?.[problem] ?? ""}`.toLowerCase();
  return name.includes(view.query) && data.runs.every((run, number) => accepts(view.wanted[number], outcomeOf(run, problem)));
}

function accepts(wanted, outcome) {
  return !wanted || wanted === outcome || (wanted === NOT_RIGHT && outcome !== "right" && outcome !== ABSENT);
}

function buildHead() {
  const groups = element("tr");
  const names = element("tr");
  const leading = columns.filter((column) => !column.run).length;
  groups.append(element("td", { colspan: leading }));
  for (const run of data.runs) groups.append(element("th", { scope: "colgroup", colspan: 3, class: "first" }, visible(run.label)));
  for (const column of columns) {
    const label = column.run ? `${column.name}, ${visible(column.run.label)}: sort` : `${column.name}: sort`;
    column.head = element("th", { scope: "col", class: classOf(column) }, button(column.name, () => sortBy(column), { "aria-label": label }));
    names.append(column.head);
  }
  byId("table").tHead.append(groups, names);
  byId("table").classList.toggle("crowded", data.runs.length > CROWD);
}

function classOf(column) {
  return [column.first ? "first" : "", column.run && !column.first ? "number" : ""].join(" ").trim();
}

function sortBy(column) {
  view.direction = column === view.column ? -view.direction : 1;
  view.column = column;
  view.page = 0;
  render();
}

function rowOf(problem) {
  const isOpen = opened.has(problem);
  const name = visible(data.problems[problem]);
  const opener = button(name, () => toggle(problem, opener), { class: "link", "aria-expanded": isOpen, title: name });
  const row = element("tr", {}, element("th", { scope: "row" }, opener));
  for (const column of columns.slice(1)) {
    row.append(element("td", { class: classOf(column) }, column.show ? column.show(problem) : visible(column.value(problem))));
  }
  row.addEventListener("click", (event) => {
    if (!event.target.closest("button") && !getSelection().toString()) toggle(problem, opener);
  });
  return isOpen ? [row, opened.get(problem)] : [row];
}

function render() {
  const found = view.problems.filter(fits).sort(compare);
  const last = Math.max(0, Math.ceil(found.length / ROWS_PER_PAGE) - 1);
  view.page = Math.min(Math.max(view.page, 0), last);
  const start = view.page * ROWS_PER_PAGE;
  const shown = found.slice(start, start + ROWS_PER_PAGE);
  const nothing = element("tr", {}, element("td", { colspan: columns.length }, "No problem fits these filters."));
  byId("table").tBodies[0].replaceChildren(...(shown.length ? shown.flatMap(rowOf) : [nothing]));
  for (const column of columns) {
    column.head.setAttribute("aria-sort", column !== view.column ? "none" : view.direction > 0 ? "ascending" : "descending");
  }
  const rows = shown.length < found.length ? `, ${start + 1} to ${start + shown.length} shown` : "";
  byId("found").textContent = `${found.length} of ${everything.length} problems${rows}`;
  buildPager(last);
  fitTable();
}

function fitTable() {
  const place = byId("table").parentElement;
  place.classList.remove("fits");
  place.classList.toggle("fits", place.scrollWidth <= place.clientWidth);
}

function buildPager(last) {
  const turn = (text, page, isUseful) => {
    const made = button(text, () => turnTo(page, text));
    made.disabled = !isUseful;
    return made;
  };
  const { page } = view;
  const parts = [
    turn("First", 0, page > 0),
    turn("Previous", page - 1, page > 0),
    `page ${page + 1} of ${last + 1}`,
    turn("Next", page + 1, page < last),
    turn("Last", last, page < last),
  ];
  byId("pager").replaceChildren(...(last ? parts : []));
}

function turnTo(page, pressed) {
  view.page = page;
  render();
  // the pager is new: the focus stays where it was, or on the pager where that button rests now
  const buttons = [...byId("pager").querySelectorAll("button:enabled")];
  (buttons.find((one) => one.textContent === pressed) ?? buttons[0])?.focus();
}

// ---- filters

function buildFilters() {
  const search = element("input", { type: "search", name: "query", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => change(() => (view.query = search.value.trim().toLowerCase())));
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => change(() => Object.assign(view, START)));
  form.append(labelled("problem contains", search), ...scopeFilter(), element("button", { type: "reset" }, "Reset"), outcomeFilters());
}

function scopeFilter() {
  if (common.length === everything.length || !common.length) return [];
  const inAll = data.groups ? "in all runs of their task" : "in all runs";
  const options = [[inAll, common], ["in any run", everything]].map(([text, its]) => element("option", {}, `${text} (${its.length})`));
  const select = element("select", { name: "scope" }, ...options);
  select.addEventListener("change", () => change(() => (view.problems = select.selectedIndex ? everything : common)));
  return [labelled("problems", select)];
}

function outcomeFilters() {
  const selects = data.runs.map((run, number) => {
    const select = element("select", { name: `outcome-${number}` });
    select.addEventListener("change", () => change(() => (view.wanted = view.wanted.map((old, run) => (run === number ? select.value : old)))));
    return labelled(visible(run.label), select);
  });
  const made = element("details", { id: "outcomes" }, element("summary"), element("div", { class: "filters" }, ...selects));
  made.open = data.runs.length <= MANY;
  return made;
}

/** What can be chosen depends on which problems are looked at, and what is chosen must be seen where it is folded away. */
function fillFilters() {
  const chosen = view.wanted.filter(Boolean).length;
  byId("outcomes").firstChild.textContent = `Outcomes by run${chosen ? ` (${chosen} chosen)` : ""}`;
  byId("outcomes").querySelectorAll("select").forEach((select, number) => {
    select.replaceChildren(...optionsOf(data.runs[number], view.wanted[number]));
    select.value = view.wanted[number];
  });
}

function labelled(text, field) {
  return element("label", {}, element("span", {}, text), field);
}

function optionsOf(run, wanted) {
  const counts = new Map([...data.outcomes, ABSENT].map((outcome) => [outcome, 0]));
  for (const problem of view.problems) counts.set(outcomeOf(run, problem), counts.get(outcomeOf(run, problem)) + 1);
  const others = view.problems.length - counts.get("right") - counts.get(ABSENT);
  const offered = [...counts].filter(([outcome, count]) => count || outcome === wanted).concat([[NOT_RIGHT, others]]);
  const option = (value, text) => element("option", { value }, text);
  return [option("", "any outcome"), ...offered.map(([outcome, count]) => option(outcome, `${outcome} (${count})`))];
}

function change(alter) {
  alter();
  view.page = 0;
  fillFilters();
  render();
}

// ---- the chains of a problem

function toggle(problem, opener) {
  const row = opener.closest("tr");
  if (opened.has(problem)) {
    opened.get(problem).remove();
    opened.delete(problem);
  } else {
    const place = element("div", { class: "chains" }, "Unpacking…");
    const panel = element("tr", { class: "panel" }, element("td", { colspan: columns.length }, place));
    opened.set(problem, panel);
    row.after(panel);
    fill(place, problem);
  }
  opener.setAttribute("aria-expanded", opened.has(problem));
}

async function fill(place, problem) {
  try {
    const sides = await sidesOf(problem);
    const numbers = [...new Set(sides.flatMap((side) => [...side.keys()]))].sort((a, b) => a - b);
    const chains = numbers.map((number) => chainDetails(number, sides));
    const openAll = button("Open all chains", () => chains.forEach((chain) => (chain.open = true)));
    place.replaceChildren(...(chains.length > 1 ? [openAll] : []), ...chains);
    if (!chains.length) place.textContent = "No chain of this problem is finished.";
  } catch (error) {
    place.textContent = `The chains cannot be unpacked (${error.message}). A newer browser may help.`;
  }
}

async function sidesOf(problem) {
  const number = data.starts.reduce((latest, start, block) => (start <= problem ? block : latest), 0);
  if (!blocks.has(number)) blocks.set(number, unpacked(byId(`block-${number}`).textContent));
  const sides = (await blocks.get(number))[problem - data.starts[number]];
  const named = (values) => Object.fromEntries(data.chainFields.map((name, place) => [name, values[place]]));
  return sides.map((side) => new Map((side ?? []).map(named).map((chain) => [chain.number, chain])));
}

async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function chainDetails(number, sides) {
  const marks = sides.map((side, run) => {
    const chain = side.get(number);
    if (!chain) return "";
    return element("span", {}, `${visible(data.runs[run].label)} `, outcomeText(chain.kind), ` ${shortened(chain.answer ?? "")}`);
  });
  const made = element("details", {}, element("summary", {}, `chain ${number}`, ...marks.flatMap((mark) => [" ", mark])));
  made.addEventListener("toggle", () => {
    if (made.childElementCount > 1) return;
    made.append(element("div", { class: "sides" }, ...sides.map((side, run) => sideOf(side.get(number), data.runs[run]))));
  });
  return made;
}

function shortened(text) {
  return visible(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

function gradersWord(chain) {
  const word = visible(chain.verdict ?? "").replaceAll("_", " ");
  return word && word !== chain.kind ? ` (${word})` : "";
}

function sideOf(chain, run) {
  const side = element("section", { class: "side" }, element("h3", {}, visible(run.label)));
  if (!chain) {
    side.append(element("p", {}, "This run does not have this chain."));
    return side;
  }
  side.append(factsOf(chain, run));
  if (run.hidden) {
    side.append(element("p", {}, "The text is left out: it may quote the question. --show-questions puts it in."));
    return side;
  }
  const text = element("pre", { tabindex: 0, "aria-label": "What the model wrote" }, visible(chain.text));
  const end = endOf(chain, run);
  if (end.mark) text.append(element("mark", { class: "cut" }, end.mark));
  side.append(text);
  return side;
}

function factsOf(chain, run) {
  const facts = [
    ["verdict", outcomeText(chain.kind, gradersWord(chain))],
    ["detail", chain.detail && visible(chain.detail)],
    ["answer", chain.answer === null ? "none" : visible(chain.answer)],
    ["ended", endOf(chain, run).text],
    ["tokens", String(chain.tokens)],
    ["KV reads", amount(chain.kv_reads)],
    ["aux reads", chain.aux_reads ? amount(chain.aux_reads) : ""],
    ["peak", `${amount(chain.peak)} entries`],
    ["realised CR", chain.cr === null ? "–" : `${digits(chain.cr)}x`],
  ];
  const list = element("dl");
  for (const [name, value] of facts.filter(([, value]) => value)) list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

function endOf(chain, run) {
  const ends = {
    stop: { text: "stop: the model was done" },
    length: { text: `length: cut at L = ${run.length} tokens`, mark: `✂ cut here, after L = ${run.length} tokens` },
    reads: { text: "reads: cut where its share of --reads was spent", mark: `✂ cut here, after ${chain.tokens} tokens: reads were spent` },
    error: { text: "error: the model's logits were not finite", mark: `✂ broke here, after ${chain.tokens} tokens` },
  };
  return ends[chain.ended];
}

buildHead();
buildFilters();
fillFilters();
render();
addEventListener("resize", fitTable);
