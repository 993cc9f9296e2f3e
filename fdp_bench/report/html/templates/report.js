"use strict";
// Everything on the page can be read without this script; it adds sorting and the line that describes an episode.
(() => {
  const compare = (column, numeric, sign) => (first, second) => {
    const [a, b] = [first, second].map((row) => {
      const cell = row.cells[column];
      return numeric ? cell.dataset.order ?? "" : cell.textContent.trim();
    });
    // Rows without a value stay at the end, whichever way the others go.
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.replaceChildren(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const ascending = header.getAttribute("aria-sort") !== "ascending";
        for (const other of headers) other.setAttribute("aria-sort", "none");
        header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        table.classList.add("sorted");
        const numeric = [...body.rows].some((row) => "order" in row.cells[column].dataset);
        body.append(...[...body.rows].sort(compare(column, numeric, ascending ? 1 : -1)));
      });
    });
  }

  const readout = document.getElementById("readout");
  const describe = (mark) => {
    document.querySelector(".marks > .current")?.classList.remove("current");
    mark.classList.add("current");
    readout.textContent = mark.title;
  };
  for (const row of document.querySelectorAll(".arm .marks")) {
    for (const kind of ["mouseover", "click", "focusin"]) {
      row.addEventListener(kind, (event) => event.target !== row && describe(event.target));
    }
    row.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const marks = [...row.children];
      const place = marks.findIndex((mark) => mark.classList.contains("current"));
      describe(marks[Math.min(marks.length - 1, Math.max(0, place + step))]);
    });
  }

  // On paper everything is unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of folded) part.open = false;
  });
})();
