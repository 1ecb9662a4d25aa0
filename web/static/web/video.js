// Follows a video's events while it is worked on; the page without this reloads itself.
const card = document.getElementById("work-card");

if (!("final" in card.dataset)) {
  const events = new EventSource(card.dataset.events);
  let spoken = 0;
  events.addEventListener("video", ({ data }) => show(JSON.parse(data)));
  events.addEventListener("end", () => {
    events.close();
    location.reload();
  });

  function show(video) {
    name(document.getElementById("state"), video.state);
    document.getElementById("progress").value = video.progress;
    if (performance.now() - spoken > 5000) { // not at every tick: it is read aloud
      spoken = performance.now();
      document.getElementById("said").textContent = `${video.progress} %`;
    }
    for (const step of video.steps) showStep(step);
  }

  function showStep(step) {
    const row = card.querySelector(`[data-step="${step.name}"]`);
    if (!row) return;
    name(row.querySelector(".state"), step.state);
    row.querySelector("progress").value = step.progress;
    row.querySelector(".attempts").textContent = step.attempts;
    if (step.started_at) {
      const end = step.finished_at ? new Date(step.finished_at) : new Date();
      row.querySelector(".seconds").textContent = (Math.max(0, end - new Date(step.started_at)) / 1000).toFixed(1);
    }
  }

  function name(element, state) {
    element.textContent = state;
    element.className = `state ${state}`;
  }
}
