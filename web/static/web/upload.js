// The upload form works without this; with it, a bar shows how far it is. The key makes a second try of the same file safe.
const form = document.getElementById("upload");
const [button, stop] = form.querySelectorAll("button.button");
const sending = form.querySelector(".sending");
const bar = sending.querySelector("progress");
const said = sending.querySelector(".said");
const problem = form.querySelector(":scope > .note.error[hidden]");
let key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) + Date.now();
let request = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  problem.hidden = true;
  request = new XMLHttpRequest();
  request.open("POST", "/api/videos");
  request.responseType = "json";
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.setRequestHeader("Idempotency-Key", key);
  request.upload.onprogress = progressed(performance.now());
  request.onload = answered;
  request.onerror = () => failed("The connection was lost. Try again: nothing is uploaded twice.");
  request.onabort = () => failed("");
  busy(true);
  request.send(new FormData(form));
});
form.addEventListener("change", () => { key = crypto.randomUUID ? crypto.randomUUID() : key + "1"; });
stop.addEventListener("click", () => request.abort());

function progressed(begun) {
  let spoken = 0;
  return ({ loaded, total }) => {
    bar.value = (loaded / total) * 100;
    const seconds = (performance.now() - begun) / 1000;
    if (performance.now() - spoken < 2000 && loaded < total) return; // ears cannot follow every tick
    spoken = performance.now();
    const left = Math.ceil((total - loaded) / (loaded / seconds));
    said.textContent = loaded === total
      ? "Uploaded. One moment…"
      : `${Math.round(bar.value)} %, ${megabytes(loaded / seconds)} a second, ${left} s left`;
  };
}

function answered() {
  if (request.status === 202) return location.assign(`/videos/${request.response.id}`);
  const reasons = Object.values(request.response || {}).flat();
  failed(reasons.join(" ") || `The server answered ${request.status}.`);
}

function failed(reason) {
  busy(false);
  problem.textContent = reason;
  problem.hidden = !reason;
}

function busy(is) {
  sending.hidden = stop.hidden = !is;
  button.disabled = is;
  bar.value = 0;
  said.textContent = "";
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
