/* Sorting and filtering of the page's tables, by DataTables. Without this script every table is still there to read. */
"use strict";
(function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  follow();
  dark.addEventListener("change", follow);

  const PAGE = 100;
  const counted = (rows) => (rows ? `${rows} row${rows === 1 ? "" : "s"} shown` : "no row shown");

  /* One table: its box scrolls no more, DataTables' own cell does, and can be reached by keyboard. */
  function enhance(table) {
    const rows = table.tBodies[0].rows.length;
    const box = table.closest(".box");
    const label = box.getAttribute("aria-label");
    const board = table.hasAttribute("data-board");
    const long = rows > PAGE;
    const marked = (name) => [...table.tHead.rows[0].cells].flatMap((cell, place) => (cell.hasAttribute(name) ? [place] : []));
    const api = new window.DataTable(table, {
      autoWidth: false,
      order: [],
      orderMulti: true,
      paging: long,
      pageLength: PAGE,
      lengthMenu: [PAGE, 500, { label: "all", value: -1 }],
      columnDefs: [
        { targets: marked("data-plain"), orderable: false, searchable: false },
        { targets: marked("data-high"), orderSequence: ["desc", "asc", ""] },
      ],
      layout: {
        topStart: null,
        topEnd: board || rows < 12 ? null : "search",
        bottomStart: board || long ? "info" : null,
        bottomEnd: long ? "paging" : null,
      },
      language: { search: "find", emptyTable: "empty", zeroRecords: "No row fits what was chosen above." },
      infoCallback: (settings, start, end, all, fitting) => (fitting === all ? counted(all) : `${counted(fitting)} of ${all}`),
    });
    box.classList.add("enhanced");
    box.removeAttribute("tabindex");
    const cell = table.closest(".dt-layout-cell");
    cell.tabIndex = 0;
    cell.setAttribute("role", "region");
    cell.setAttribute("aria-label", label);
    box.removeAttribute("role");
    box.removeAttribute("aria-label");
    return api;
  }

  /* The filters above a leaderboard: comparison, methods, state of the runs, words. */
  function filters(board) {
    const table = board.querySelector("table[data-board]");
    const bar = board.querySelector(".filters");
    const chosen = Object.fromEntries([...bar.querySelectorAll("[data-filter]")].map((one) => [one.dataset.filter, one]));
    const rows = [...table.tBodies[0].rows];
    for (const name of new Set(rows.map((row) => row.dataset.family))) chosen.family.add(new Option(name));
    const api = enhance(table);
    const inComparison = ["protocol", "network", "preset", "training cases"];
    const places = [...table.tHead.rows[0].cells].flatMap((cell, place) => (inComparison.includes(cell.textContent.trim()) ? [place] : []));
    api.search.fixed("chosen", (text, data, index) => {
      const held = api.row(index).node().dataset;
      return ["comparison", "family", "setting", "state"].every((name) => !chosen[name].value || held[name] === chosen[name].value);
    });
    const ofFirst = [...board.querySelectorAll("[data-figure], [data-foot]")]; /* they tell of the comparison that is opened */
    const draw = () => {
      for (const one of ofFirst) one.hidden = chosen.comparison.value !== board.dataset.shown;
      api.columns(places).visible(!chosen.comparison.value, false); /* inside one comparison they are all the same */
      api.search(chosen.text.value).draw();
    };
    chosen.comparison.value = board.dataset.shown;
    for (const one of Object.values(chosen)) one.addEventListener("input", draw);
    bar.hidden = false;
    draw();
  }

  for (const board of document.querySelectorAll(".board")) filters(board);
  const rest = [...document.querySelectorAll("table[data-sortable]:not([data-board])")];
  const opened = (table) => !table.closest("details:not([open])");
  for (const table of rest.filter(opened)) enhance(table);
  for (const table of rest.filter((one) => !opened(one))) {
    table.closest("details").addEventListener("toggle", () => enhance(table), { once: true });
  }

  /* A button that copies the text beside it. */
  for (const box of document.querySelectorAll(".copied")) {
    const button = box.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", () => {
      window.getSelection().selectAllChildren(box.querySelector("pre"));
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    });
  }

  /* A link to something inside a folded part opens it. */
  function reveal() {
    const target = window.location.hash && document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (folded) folded.open = true;
  }
  window.addEventListener("hashchange", reveal);
  reveal();
  document.documentElement.dataset.ready = "yes";
})();
