import { socket } from "@common/api";

export type CallState = "connecting" | "listening" | "thinking" | "speaking" | "ended" | "lost" | "busy";
export type Line = { role: "user" | "assistant"; text: string; final: boolean };
export type Handlers = { state: (state: CallState) => void; line: (line: Line) => void; sound: (stream: MediaStream) => void };
export type RunningCall = { mute: (muted: boolean) => void; hangUp: () => void };

type Signal =
  | { type: "config"; ice_servers: RTCIceServer[] }
  | { type: "answer"; sdp: string }
  | { type: "state"; state: "listening" | "thinking" | "speaking" }
  | ({ type: "transcript" } & Line)
  | { type: "sources" | "error" }; // the passages stand in the conversation; an error is followed by the end

const CONFIG_WAIT = 300; // ms until the call goes on without servers of its own
const GATHERING_WAIT = 2000; // ms
const TRY_LATER = 1013; // code of a socket that is closed because there is no room

/** Call the assistant: WebRTC for the sound, a WebSocket of the gateway for signalling and for what was said. A call can go on with a conversation. */
export async function startCall(on: Handlers, conversationId: string | null): Promise<RunningCall> {
  if (!navigator.mediaDevices) throw new DOMException("no secure context", "SecurityError");
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  const signalling = socket("/api/v1/voice/call");
  let peer: RTCPeerConnection | null = null;
  let ended = false;
  let told = false; // whether the other end has said what it does

  function end(state: "ended" | "lost" | "busy"): void {
    if (ended) return;
    ended = true;
    for (const track of microphone.getTracks()) track.stop();
    if (signalling.readyState === WebSocket.OPEN) signalling.send(JSON.stringify({ type: "bye" }));
    signalling.close(1000);
    peer?.close();
    on.state(state);
  }

  async function offer(iceServers: RTCIceServer[]): Promise<void> {
    if (peer || ended) return;
    peer = new RTCPeerConnection({ iceServers });
    peer.ontrack = ({ streams: [stream] }) => stream && on.sound(stream);
    peer.onconnectionstatechange = () => {
      if (peer?.connectionState === "connected" && !told) on.state("listening");
      if (peer?.connectionState === "failed") end("lost");
    };
    for (const track of microphone.getTracks()) peer.addTrack(track, microphone);
    await peer.setLocalDescription();
    await gathered(peer);
    if (!ended) {
      const sdp = peer.localDescription?.sdp;
      signalling.send(JSON.stringify({ type: "offer", sdp, ...(conversationId && { conversation_id: conversationId }) }));
    }
  }

  signalling.onopen = () => setTimeout(() => offer([]).catch(() => end("lost")), CONFIG_WAIT);
  signalling.onclose = ({ code }) => end(code === 1000 ? "ended" : code === TRY_LATER ? "busy" : "lost");
  signalling.onmessage = ({ data }: MessageEvent<string>) => {
    const signal = JSON.parse(data) as Signal;
    if (signal.type === "config") offer(signal.ice_servers).catch(() => end("lost"));
    else if (signal.type === "answer") peer?.setRemoteDescription({ type: "answer", sdp: signal.sdp }).catch(() => end("lost"));
    else if (signal.type === "state") {
      told = true;
      on.state(signal.state);
    } else if (signal.type === "transcript") on.line(signal);
  };
  return {
    mute(muted) {
      for (const track of microphone.getTracks()) track.enabled = !muted;
    },
    hangUp: () => end("ended"),
  };
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
    setTimeout(resolve, GATHERING_WAIT);
  });
}
