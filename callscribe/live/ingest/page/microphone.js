// A call from this page's microphone: by WebRTC (WHIP), or as a recorder's WebM over a WebSocket.

const main = document.querySelector("main");
const form = document.forms[0];
const { start, stop, caller, token } = form.elements;
const PIECE_MS = 100;
const AGAIN_MS = 500;

const tell = (text) => { document.querySelector("[role=status]").textContent = text; };

function about(id) {
  const query = new URLSearchParams({ id, caller: caller.value });
  if (token.value) query.set("token", token.value);
  return query;
}

/** Both ways give a function that ends the call. */
async function byWebrtc(id, stream) {
  const peer = new RTCPeerConnection();
  peer.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly", streams: [stream] });
  peer.onconnectionstatechange = () => tell(`WebRTC: ${peer.connectionState}`);
  await peer.setLocalDescription();
  while (peer.iceGatheringState !== "complete") {
    await new Promise((resolve) => peer.addEventListener("icegatheringstatechange", resolve, { once: true }));
  }
  const answer = await fetch(`/whip?${about(id)}`, {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  if (answer.status !== 201) {
    peer.close();
    throw new Error(await answer.text());
  }
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  return async () => {
    await fetch(answer.headers.get("location"), { method: "DELETE" });
    peer.close();
  };
}

async function byWebSocket(id, stream) {
  const recorder = new MediaRecorder(stream, { mimeType: "audio/webm;codecs=opus", audioBitsPerSecond: 32000 });
  const pieces = [];
  let socket, call, started = false, over = false;
  recorder.ondataavailable = ({ data }) => {
    pieces.push(data);
    if (started && socket.readyState === WebSocket.OPEN) socket.send(data);
  };
  const connect = () => {
    if (over) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.hostname}:${main.dataset.websocketPort}/browser?${about(id)}`);
    socket.onopen = () => {
      const again = call !== undefined;
      socket.send(JSON.stringify({ event: "start", id, format: "webm", caller: caller.value, again }));
    };
    socket.onmessage = ({ data }) => {
      if (over) return;
      const told = JSON.parse(data);
      call ??= told.call_id;
      started = told.event === "started" && told.call_id === call;
      over = !started;
      tell(`WebSocket: ${over ? "ended" : "started"}`);
      if (over) {
        socket.close();
        return;
      }
      // After a lost connection all is sent again: what was heard is not heard twice. In another call it would be.
      pieces.forEach((piece) => socket.send(piece));
      if (recorder.state === "inactive") recorder.start(PIECE_MS);
    };
    socket.onclose = () => {
      started = false;
      setTimeout(connect, AGAIN_MS);
    };
  };
  connect();
  return () => new Promise((resolve) => {
    recorder.onstop = () => {
      over = true;
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ event: "stop" }));
      else socket.close();
      resolve();
    };
    if (recorder.state === "inactive") recorder.onstop();
    else recorder.stop();
  });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  start.disabled = true;
  const id = crypto.randomUUID();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  try {
    const end = await (form.elements.way.value === "webrtc" ? byWebrtc : byWebSocket)(id, stream);
    document.querySelector("output[name=call]").textContent = id;
    stop.disabled = false;
    await new Promise((resolve) => stop.addEventListener("click", resolve, { once: true }));
    stop.disabled = true;
    await end();
    tell("ended");
  } catch (error) {
    tell(error.message);
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    start.disabled = false;
  }
});
