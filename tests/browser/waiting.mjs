// Waits that say what they waited for.
export async function until(holds, what, seconds = 40) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (performance.now() > end) throw new Error(`not seen within ${seconds} s: ${what}; ${state()}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

// The text that is on the picture now.
export function seen(video) {
  return [...video.textTracks]
    .filter((track) => track.mode === "showing" || track.mode === "hidden")
    .flatMap((track) => [...(track.activeCues ?? [])].map((cue) => cue.text.replace(/<[^>]*>/g, "").trim()));
}

function state() {
  const video = document.querySelector("video");
  const tracks = [...video.textTracks].map((track) => `${track.language}:${track.mode}:${track.cues?.length ?? "-"}`);
  const ranges = [...Array(video.buffered.length).keys()].map((i) => [video.buffered.start(i), video.buffered.end(i)]);
  return JSON.stringify({ time: video.currentTime, height: video.videoHeight, ready: video.readyState, tracks, ranges });
}
