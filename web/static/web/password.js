// Shows a password while it is typed, and how strong a new one is. The form works without this.
for (const button of document.querySelectorAll("[data-shows]")) {
  const field = document.getElementById(button.dataset.shows);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide password" : "Show password";
  });
  field.form.addEventListener("submit", () => { field.type = "password"; }); // a browser may remember texts
}

for (const meter of document.querySelectorAll("[data-measures]")) {
  const field = document.getElementById(meter.dataset.measures);
  meter.hidden = false;
  field.addEventListener("input", () => { meter.value = bits(field.value); });
}

// An upper bound: what guessing costs somebody who knows which characters occur. The server refuses common passwords.
function bits(password) {
  return [...password].length * Math.log2(Math.max(1, new Set(password).size));
}
