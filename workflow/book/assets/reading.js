// Reading: cards that show what a link leads to, and long tables that fold. Without this script the book is whole.
(() => {
  const FOLD_OVER_ROWS = 14;
  const SHOWN_ROWS = 10;
  const OPEN_MS = 150;
  const CLOSE_MS = 250;
  const GAP_PX = 6;
  const root = new URL("..", document.currentScript.src);

  // A new element with its class and its text.
  function element(name, className, text = "") {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  // Cards ------------------------------------------------------------------------------------------------------------

  let card, shownFor, timer;

  // What is known of the target of a link; a link that stands in its own target needs no card.
  function known(link) {
    const id = decodeURIComponent(link?.hash?.slice(1) ?? "");
    const own = link?.classList.contains("headerlink") || (id && document.getElementById(id)?.contains(link));
    return own ? undefined : window.readingCards?.[id];
  }

  // The link of the text that an event comes from, if it has a card.
  function linkOf(event) {
    const link = event.target.closest?.(".bd-article a[href*='#']");
    return known(link) ? link : undefined;
  }

  // The first rows of a table, which a screen reader leaves to the table itself.
  function preview(rows, more) {
    const table = element("table", "reading-preview");
    table.setAttribute("aria-hidden", "true");
    rows.forEach((cells, number) => {
      const row = table.insertRow();
      for (const cell of cells) row.append(element(number ? "td" : "th", "", cell));
    });
    if (!more) return table;
    const rest = table.insertRow().insertCell();
    rest.colSpan = rows[0].length;
    rest.textContent = `and ${more} more rows`;
    return table;
  }

  // Fill the card with words and a picture or the first rows.
  function fill({ text, image, look, rows, more }) {
    const words = element("p", "", text);
    words.id = "reading-card-text";
    card.replaceChildren(words);
    if (image) {
      const picture = element("img", look);
      picture.alt = "";
      picture.src = new URL(image, root);
      picture.addEventListener("load", place);
      card.append(picture);
    }
    if (rows) card.append(preview(rows, more));
  }

  // Below the link, or above it where there is more room; never over it, and within the window.
  function place() {
    if (!shownFor) return;
    const lines = [...shownFor.getClientRects()];
    const [first, last] = [lines[0], lines.at(-1)];
    const below = innerHeight - last.bottom;
    const height = Math.max(below, first.top) - 2 * GAP_PX;
    card.style.maxHeight = `${height}px`;
    const { offsetWidth, offsetHeight } = card;
    const at = card.offsetParent.getBoundingClientRect();
    const left = Math.max(GAP_PX, Math.min(last.left, document.documentElement.clientWidth - offsetWidth - GAP_PX));
    const top = offsetHeight + GAP_PX <= below || below >= first.top ? last.bottom + GAP_PX : first.top - offsetHeight - GAP_PX;
    card.style.left = `${left - at.left}px`;
    card.style.top = `${top - at.top}px`;
  }

  // Show the card of a link.
  function show(link) {
    hide();
    shownFor = link;
    fill(known(link));
    card.hidden = false;
    link.setAttribute("aria-describedby", "reading-card-text");
    place();
  }

  // Take the card away.
  function hide() {
    clearTimeout(timer);
    shownFor?.removeAttribute("aria-describedby");
    shownFor = undefined;
    card.hidden = true;
  }

  // Do it a little later, unless something else comes first.
  function later(what, milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(what, milliseconds);
  }

  // A mouse or the keyboard opens a card; a finger does not, because it would open the link as well.
  function setUpCards() {
    const article = document.querySelector(".bd-article");
    if (!article) return;
    card = element("div", "reading-card");
    card.setAttribute("role", "tooltip");
    card.hidden = true;
    article.append(card);
    const script = element("script", "");
    script.src = new URL("_static/cards.js", root);
    document.head.append(script);
    article.addEventListener("pointerover", (event) => {
      if (event.pointerType === "touch") return;
      const link = linkOf(event);
      if (card.contains(event.target) || (link && link === shownFor)) clearTimeout(timer);
      else if (link && !link.contains(event.relatedTarget)) later(() => show(link), OPEN_MS);
    });
    article.addEventListener("pointerout", (event) => {
      const left = linkOf(event);
      if (left?.contains(event.relatedTarget) || card.contains(event.relatedTarget)) return;
      if (left || card.contains(event.target)) later(hide, CLOSE_MS);
    });
    article.addEventListener("focusin", (event) => {
      const link = linkOf(event);
      if (link?.matches(":focus-visible")) show(link);
    });
    article.addEventListener("focusout", hide);
    addEventListener("resize", hide);
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  }

  // Folds ------------------------------------------------------------------------------------------------------------

  // Fold a long table after some rows. The rest stays in the page: search and links find it, and unfold it.
  function fold(table) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    if (rows.length <= FOLD_OVER_ROWS || table.closest("details")) return;
    const whole = table.closest(".pst-scrollable-table-container") ?? table;
    const box = element("div", "reading-fold");
    const button = element("button", "reading-more");
    button.type = "button";
    whole.before(box);
    box.append(whole);
    box.after(button);
    const cut = () => {
      const height = rows[SHOWN_ROWS].getBoundingClientRect().top - whole.getBoundingClientRect().top;
      box.style.maxHeight = box.classList.contains("folded") ? `${height}px` : "";
    };
    const set = (folded) => {
      box.classList.toggle("folded", folded);
      button.setAttribute("aria-expanded", String(!folded));
      button.textContent = folded ? `Show ${rows.length - SHOWN_ROWS} more rows` : `Show the first ${SHOWN_ROWS} rows`;
      cut();
    };
    button.addEventListener("click", () => {
      const folded = !box.classList.contains("folded");
      set(folded);
      if (folded) button.scrollIntoView({ block: "nearest" });
    });
    // Only a search, a link or the focus scrolls a folded box: what it looks for is in the rest.
    box.addEventListener("scroll", () => {
      const moved = box.scrollTop;
      if (!moved) return;
      set(false);
      scrollBy(0, moved);
    });
    new ResizeObserver(cut).observe(whole);
    set(true);
    addEventListener("load", () => table.querySelector(".highlighted") && set(false));
  }

  // On paper nothing is folded.
  function setUpPrint() {
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = [...document.querySelectorAll(".bd-article details:not([open])")];
      for (const details of closed) details.open = true;
    });
    addEventListener("afterprint", () => {
      for (const details of closed) details.open = false;
    });
  }

  addEventListener("DOMContentLoaded", () => {
    setUpCards();
    setUpPrint();
    document.querySelectorAll(".bd-article table[id]").forEach(fold);
  });
  // What the search of the book has marked is seen.
  addEventListener("load", () => {
    document.querySelectorAll(".bd-article details:has(.highlighted)").forEach((details) => (details.open = true));
  });
})();
