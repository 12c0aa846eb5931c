"use strict";

function element(name, kind, parent) {
  const made = document.createElement(name);
  made.className = kind;
  parent.append(made);
  return made;
}

// A divider between any two pictures of a pair; on paper, and without this script, all stand side by side.
function addWipe(place) {
  const figures = [...place.querySelectorAll("figure")];
  const names = figures.map((figure) => figure.querySelector("figcaption").textContent);
  const wipe = element("div", "wipe", place);
  const frame = element("div", "frame", wipe);
  const right = element("img", "", frame);
  const left = element("img", "", frame);
  element("div", "divider", frame);
  const tags = [element("span", "tag left", frame), element("span", "tag right", frame)];
  const range = element("input", "", wipe);
  Object.assign(range, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
  const choice = element("div", "choice", wipe);

  function move() {
    frame.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${Math.round(range.value)} % ${tags[0].textContent}`);
  }
  function choose(side, index) {
    const source = figures[index].querySelector("img");
    const image = [left, right][side];
    image.src = source.src;
    image.alt = source.alt;
    image.draggable = false;
    tags[side].textContent = names[index];
    range.setAttribute("aria-label", `Divider: left ${tags[0].textContent}, right ${tags[1].textContent}`);
    move();
  }
  // At first: what the fused picture adds to the visible one.
  [["left", 1], ["right", 2]].forEach(([word, first], side) => {
    const label = element("label", "", choice);
    label.textContent = word;
    const select = element("select", "", label);
    names.forEach((name, index) => select.add(new Option(name, index)));
    select.selectedIndex = Math.min(first, names.length - 1);
    select.addEventListener("change", () => choose(side, select.selectedIndex));
    choose(side, select.selectedIndex);
  });
  range.addEventListener("input", move);
  function follow(event) {
    const box = frame.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    move();
  }
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    follow(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (frame.hasPointerCapture(event.pointerId)) follow(event);
  });
  place.classList.add("with-wipe");
}

function sortBy(table, column, descending) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => {
    const text = row.cells[column].textContent;
    return { row, text, value: column < 2 ? NaN : parseFloat(text) };
  });
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (column < 2) return sign * a.text.localeCompare(b.text, undefined, { numeric: true });
    // What is undefined stays last in both directions.
    if (isNaN(a.value) || isNaN(b.value)) return isNaN(a.value) - isNaN(b.value);
    return sign * (a.value - b.value);
  });
  body.append(...keyed.map((item) => item.row));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(table, column, descending);
    });
  });
}

document.querySelectorAll(".case").forEach(addWipe);
document.querySelectorAll(".sortable").forEach(makeSortable);
// For browsers that do not know ::details-content, by which the style sheet unfolds them on paper.
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
});
