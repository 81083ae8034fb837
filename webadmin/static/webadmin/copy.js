// Copies what the element holds that a button names in data-copies; the button says so for two seconds.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copies]");
  if (!button) return;
  const word = button.querySelector("span:last-child");
  const before = button.dataset.word || word.textContent;
  button.dataset.word = before;
  word.textContent = (await copied(document.getElementById(button.dataset.copies))) ? "Copied" : "Select it by hand";
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => { word.textContent = before; }, 2000);
});

// Gives whether the clipboard has it. Browsers offer theirs to https and to this machine alone: else a box is copied from.
async function copied(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = source.textContent;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    return done;
  }
}
