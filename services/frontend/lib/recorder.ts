const RATE = 16_000; // Hz

export type Recording = { stop: () => Promise<Blob>; discard: () => void };

/** Record the microphone until stopped; gives a WAV (16 kHz, mono, 16 bit). `level`: loudness from 0 to 1, several times a second. */
export async function record(level: (value: number) => void): Promise<Recording> {
  if (!navigator.mediaDevices) throw new DOMException("no secure context", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
  const context = new AudioContext({ sampleRate: RATE }); // it resamples what the microphone gives
  const pieces: Float32Array[] = [];
  const end = () => {
    for (const track of stream.getTracks()) track.stop();
    return context.close();
  };
  try {
    await context.audioWorklet.addModule("/recorder.js");
  } catch (error) {
    await end();
    throw error;
  }
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
    pieces.push(data);
    level(Math.min(1, Math.sqrt(data.reduce((sum, sample) => sum + sample * sample, 0) / data.length) * 6));
  };
  context.createMediaStreamSource(stream).connect(node);
  return {
    async stop() {
      await end();
      return wav(pieces);
    },
    discard: () => void end(),
  };
}

function wav(pieces: Float32Array[]): Blob {
  const samples = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(44 + samples * 2));
  const ascii = (at: number, text: string) => [...text].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  ascii(0, "RIFF");
  view.setUint32(4, 36 + samples * 2, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // length of the format
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits a sample
  ascii(36, "data");
  view.setUint32(40, samples * 2, true);
  let at = 44;
  for (const piece of pieces) {
    for (const sample of piece) {
      view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 0x7fff, true);
      at += 2;
    }
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}
