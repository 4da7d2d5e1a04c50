// The answer boxes of the exercises: a number typed in is judged in the page. workflow/exercises.py writes the forms.
(() => {
  // A number that is written with these signs before its decimals and between its thousands; else NaN.
  function read(number, decimal, thousands) {
    const between = new RegExp(`(?<=[1-9]\\d*)\\${thousands}(?=\\d{3}(?!\\d))`, "g");
    return Number(number.replace(between, "").replace(decimal, "."));
  }

  // Every way to read the one number in a text, whatever its unit: 1,025 may be a thousand or one and a bit.
  function readings(text) {
    const plain = text
      .replace(/[\u2010-\u2015\u2212]/g, "-")
      .replace(/(cm|m)[2-4]/g, "")
      .replace(/(?<=[-+])\s+(?=\d)|(?<=\d)[\s'](?=\d{3}(?!\d))/g, "");
    const found = plain.match(/[-+]?[\d.,]*\d/g) ?? [];
    if (found.length !== 1) return [];
    return [read(found[0], ".", ","), read(found[0], ",", ".")].filter(Number.isFinite);
  }

  // What is said of a text typed in, and whether it was a try.
  function judge(text, answer, within, told) {
    if (!text.trim()) return { said: "The box is empty: type a number.", tried: false };
    const numbers = readings(text);
    if (!numbers.length) return { said: "Type one number, such as 3.5.", tried: false };
    // Subtracting decimals leaves a last digit that nobody typed.
    const near = (number) => Math.abs(number - answer) <= within + 1e-9 * Math.max(1, Math.abs(answer));
    if (numbers.some(near)) return { said: `Right: ${told}.`, tried: true };
    if (numbers.some((number) => near(-number))) return { said: "The size is right, the sign is not.", tried: true };
    if (numbers.every((number) => number < answer)) return { said: "Too low.", tried: true };
    return { said: numbers.every((number) => number > answer) ? "Too high." : "Not right.", tried: true };
  }

  // Show a form, and judge what is typed into it.
  function show(form) {
    const { answer, within, told } = form.dataset;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { said, tried } = judge(form.querySelector("input").value, Number(answer), Number(within), told);
      form.querySelector("strong").textContent = said;
      form.querySelector(".next").hidden = !tried;
    });
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("form.answer").forEach(show));
})();
