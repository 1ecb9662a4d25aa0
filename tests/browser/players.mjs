// Three players behind one face. Each sends the token with every request, as a page of another origin has to.
export const players = { hls, shaka, dash };

const BUFFERED_SECONDS = 6;

async function hls(video, url, token) {
  const player = new Hls({ xhrSetup: (xhr) => xhr.setRequestHeader("Authorization", `Bearer ${token}`) });
  const errors = [];
  player.on(Hls.Events.ERROR, (_, { fatal, details }) => fatal && errors.push(details));
  player.subtitleDisplay = true;
  player.loadSource(url);
  player.attachMedia(video);
  await new Promise((resume) => player.once(Hls.Events.MANIFEST_PARSED, resume));
  return {
    errors,
    renditions: () =>
      player.levels.map((level, number) => ({
        height: level.height,
        choose: () => { player.currentLevel = number; },
      })),
    sounds: () =>
      player.audioTracks.map((track, number) => ({
        language: track.lang ?? track.name,
        choose: () => { player.audioTrack = number; },
        isChosen: () => player.audioTrack === number,
      })),
    texts: () =>
      player.subtitleTracks.map((track, number) => ({
        language: track.lang,
        choose: () => { player.subtitleTrack = number; },
      })),
  };
}

async function shaka(video, url, token) {
  window.shaka.polyfill.installAll();
  const player = new window.shaka.Player();
  await player.attach(video);
  const errors = [];
  player.addEventListener("error", ({ detail }) => errors.push(`${detail.code}`));
  // A sound is `active` as soon as it is asked for, and a seek before its first segment is there may end all requests
  // for it (Shaka Player 5.2, HLS and DASH; the server is not asked): so it is chosen when it is there.
  let soundIsThere = true;
  player.addEventListener("segmentappended", ({ contentType }) => { soundIsThere ||= contentType === "audio"; });
  player.configure({ abr: { enabled: false }, streaming: { bufferingGoal: BUFFERED_SECONDS } });
  player.getNetworkingEngine().registerRequestFilter((_, request) => {
    request.headers.Authorization = `Bearer ${token}`;
  });
  await player.load(url);
  return {
    errors,
    isSettled: () => {
      const ahead = Math.min(...["audio", "video"].map((type) => bufferedUntil(player, type, video.currentTime)));
      return ahead > Math.min(video.currentTime + BUFFERED_SECONDS, video.duration) - 1;
    },
    renditions: () => {
      const heights = [...new Set(player.getVariantTracks().map(({ height }) => height))];
      return heights.map((height) => ({
        height,
        choose: () =>
          player.selectVariantTrack(player.getVariantTracks().find((track) => track.height === height), true),
      }));
    },
    sounds: () =>
      player.getAudioTracks().map((track) => ({
        language: track.language,
        choose: () => {
          soundIsThere = activeSound(player) === track.language;
          player.selectAudioTrack(track);
        },
        isChosen: () => soundIsThere && activeSound(player) === track.language,
      })),
    texts: () =>
      player.getTextTracks().map((track) => ({ language: track.language, choose: () => player.selectTextTrack(track) })),
  };
}

function bufferedUntil(player, type, second) {
  const ranges = player.getBufferedInfo()[type].filter(({ start, end }) => start <= second && second <= end);
  return ranges.length ? ranges[0].end : 0;
}

function activeSound(player) {
  return player.getAudioTracks().find(({ active }) => active)?.language;
}

async function dash(video, url, token) {
  const player = window.dashjs.MediaPlayer().create();
  const errors = [];
  player.on("error", ({ error }) => errors.push(error.message ?? String(error)));
  player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false } } } });
  player.addRequestInterceptor(async (request) => {
    request.headers = { ...request.headers, Authorization: `Bearer ${token}` };
    return request;
  });
  player.initialize(video, url, false);
  await new Promise((resume) => player.on("streamInitialized", resume));
  return {
    errors,
    renditions: () =>
      player.getRepresentationsByType("video").map(({ id, height }) => ({
        height,
        choose: () => player.setRepresentationForTypeById("video", id, true),
      })),
    sounds: () =>
      player.getTracksFor("audio").map((track) => ({
        language: track.lang,
        choose: () => player.setCurrentTrack(track),
        isChosen: () => player.getCurrentTrackFor("audio")?.index === track.index,
      })),
    texts: () =>
      player.getTracksFor("text").map((track, number) => ({
        language: track.lang,
        choose: () => player.setTextTrack(number),
      })),
  };
}
