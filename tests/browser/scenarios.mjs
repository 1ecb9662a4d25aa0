// What the tests do in the browser, as a page of another origin than the API's: each scenario returns plain values.
import { players } from "./players.mjs";
import { seen, until } from "./waiting.mjs";
import * as uploads from "./uploads.mjs";

const video = document.querySelector("video");

// Plays, seeks, and switches to each rendition, sound and text that the player offers.
async function play({ player: name, url, token, cue }) {
  const player = await players[name](video, url, token);
  await video.play();
  await until(() => video.currentTime > 1 && video.currentTime < 8, "it plays from the start");
  await seek(player, 9);
  await until(() => video.currentTime > 9.5, "it goes on after a seek");
  const heights = [];
  for (const rendition of player.renditions()) {
    await seek(player, 2);
    rendition.choose();
    await until(() => video.videoHeight === rendition.height, `${rendition.height} lines are shown`);
    heights.push(video.videoHeight);
  }
  const sounds = [];
  for (const sound of player.sounds()) {
    sound.choose();
    await until(() => sound.isChosen(), `the sound ${sound.language} is chosen`);
    const from = video.currentTime;
    await until(() => video.currentTime !== from && !video.paused, "it goes on with that sound");
    sounds.push(sound.language);
  }
  const texts = [];
  for (const text of player.texts()) {
    await seek(player, 5);
    text.choose();
    await until(() => seen(video).includes(cue(text.language)), `the text ${text.language} is shown`);
    await seek(player, 12);
    await until(() => seen(video).includes(cue(text.language)), `the text ${text.language} follows a seek`);
    texts.push(text.language);
  }
  return { heights, sounds, texts, errors: player.errors };
}

// Ends when the picture of that second is there. Shaka Player 5.2 asks for nothing any more where a rendition or a text
// that it has not used yet is chosen in the same instant as a seek (tried: the next seek does not help, the same choice
// made again does), so no choice is made before, nor while it still loads what follows.
async function seek(player, second) {
  video.currentTime = second;
  await until(() => !video.seeking && video.readyState > 2, `the picture at ${second} s is there`);
  await until(() => player.isSettled?.() ?? true, `what follows ${second} s is there`);
}

// Begins at the start of what is there, and finds more while the rest is encoded.
async function watchEarly({ player: name, url, token }) {
  const player = await players[name](video, url, token);
  await video.play();
  await until(() => video.currentTime > 0.2, "it plays");
  const begun = video.currentTime;
  const before = end(video.seekable);
  await fetch("/said/playing", { method: "POST" });
  await until(() => end(video.seekable) > before + 3, "more comes", 120);
  await until(() => video.currentTime > begun + 1, "it goes on");
  return { begun, before, errors: player.errors };
}

function end(ranges) {
  return ranges.length ? ranges.end(ranges.length - 1) : 0;
}

window.scenarios = {
  play: (given) => play({ ...given, cue: (language) => `${language} ${Math.floor(video.currentTime / 2)}` }),
  watchEarly,
  ...uploads,
};
