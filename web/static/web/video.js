// Follows a video's events while it is worked on, and plays what is encoded so far where the browser plays HLS by itself;
// the page without this reloads itself.
const card = document.getElementById("work-card");
const early = document.getElementById("early");
const HLS = "application/vnd.apple.mpegurl";

if ("final" in card.dataset) {
  goOn();
} else {
  const events = new EventSource(card.dataset.events);
  let spoken = 0;
  let hasSound = false;
  playEarly(early?.dataset.preview);
  events.addEventListener("video", ({ data }) => show(JSON.parse(data)));
  events.addEventListener("end", () => {
    events.close();
    remember();
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
    // The playlist names the sound from then on; a player reads it once.
    const sounds = video.steps.some((step) => step.name === "audio" && step.state === "done");
    playEarly(video.preview, sounds && !hasSound);
    hasSound = sounds;
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

// Shows what is encoded so far; `again` loads it once more and goes on at the same place.
function playEarly(preview, again = false) {
  if (!early || !preview) return;
  early.hidden = false;
  early.querySelector("a").href = preview;
  const player = early.querySelector("video") ?? makePlayer();
  if (!player || (player.src && !again)) return;
  const { currentTime, paused } = player;
  player.src = preview;
  if (currentTime) player.currentTime = currentTime;
  if (currentTime && !paused) player.play().catch(() => {}); // a browser may refuse to play by itself
}

// Returns nothing where the browser does not play HLS by itself: the link remains.
function makePlayer() {
  const player = document.createElement("video");
  if (!player.canPlayType(HLS)) return null;
  Object.assign(player, { controls: true, playsInline: true, preload: "metadata" });
  if (early.dataset.width) Object.assign(player, { width: early.dataset.width, height: early.dataset.height });
  early.prepend(player);
  return player;
}

// The finished video begins where the early one was: the address says so, also after a reload.
function remember() {
  const player = early?.querySelector("video");
  if (player?.currentTime) location.hash = `t=${player.currentTime}${player.paused ? "" : "&play"}`;
}

function goOn() {
  const found = /^#t=([0-9.]+)(&play)?$/.exec(location.hash);
  const player = document.querySelector("video");
  if (!found || !player) return;
  history.replaceState(null, "", location.pathname + location.search);
  player.currentTime = Number(found[1]);
  if (found[2]) player.play().catch(() => {}); // a browser may refuse to play by itself
}
