// Resumable uploads by tus-js-client, and requests that are refused.
export async function upload({ api, token, source }) {
  const file = new File([await (await fetch(source)).blob()], "Zürich.mkv");
  let sent = 0;
  const first = await attempt(file, api, token, (upload, bytes) => {
    sent = bytes;
    if (bytes >= file.size / 3) { upload.abort(); return "stopped"; }
  });
  // As after a reload: the address is in the browser's store, the offset is asked for.
  let from = null;
  const second = await attempt(file, api, token, (_, bytes) => { from ??= bytes; });
  const answer = await fetch(`${api}/api/videos`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Idempotency-Key": "once" },
    body: JSON.stringify({ upload: second.url.split("/").pop() }),
  });
  const video = await answer.json();
  return {
    first: first.outcome,
    second: second.outcome,
    isSame: first.url === second.url,
    resumed: from >= sent,
    status: answer.status,
    title: video.title,
    location: answer.headers.get("Location") === video.status_url,
  };
}

function attempt(file, api, token, onBytes) {
  return new Promise((resume) => {
    const upload = new tus.Upload(file, {
      endpoint: `${api}/api/uploads`,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { filename: file.name },
      chunkSize: Math.ceil(file.size / 6),
      retryDelays: null,
      onError: (error) => resume({ outcome: String(error), url: upload.url }),
      onSuccess: () => resume({ outcome: "sent", url: upload.url }),
      onChunkComplete: (_, bytes) => {
        const outcome = onBytes(upload, bytes);
        if (outcome) resume({ outcome, url: upload.url });
      },
    });
    upload.findPreviousUploads().then((previous) => {
      if (previous.length) upload.resumeFromPreviousUpload(previous[0]);
      upload.start();
    });
  });
}

// A page can read why it was refused; without the headers it would see a lost connection.
export async function refusals({ api, token }) {
  const bearer = { Authorization: `Bearer ${token}` };
  return {
    stranger: await statusOf(`${api}/api/videos`),
    missing: await statusOf(`${api}/api/videos/00000000-0000-4000-8000-000000000000`, { headers: bearer }),
    file: await statusOf(`${api}/api/videos/00000000-0000-4000-8000-000000000000/files/film/master.m3u8`, { headers: bearer }),
    body: await statusOf(`${api}/api/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "x".repeat(200_000) }),
    parallel: await parallel(api, bearer),
    cookies: await statusOf(`${api}/api/account`, { credentials: "include" }),
    page: await statusOf(`${api}/login`),
  };
}

async function statusOf(url, options) {
  try {
    const answer = await fetch(url, options);
    return answer.status;
  } catch (error) {
    return error.name;
  }
}

function parallel(api, headers) {
  return new Promise((resume) => {
    const upload = new tus.Upload(new Blob([new Uint8Array(1000)]), {
      endpoint: `${api}/api/uploads`,
      headers,
      parallelUploads: 2,
      storeFingerprintForResuming: false,
      retryDelays: null,
      onError: (error) => resume(`${error.originalResponse?.getStatus()} ${error.originalResponse?.getBody()}`),
      onSuccess: () => resume("sent"),
    });
    upload.start();
  });
}
