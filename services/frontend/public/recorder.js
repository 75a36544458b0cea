// Hands the samples of the microphone (mono, float) to the page, in pieces of 2048.
class Recorder extends AudioWorkletProcessor {
  piece = new Float32Array(2048);
  filled = 0;

  process([input]) {
    for (const sample of input[0] ?? []) {
      this.piece[this.filled++] = sample;
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece);
        this.piece = new Float32Array(2048);
        this.filled = 0;
      }
    }
    return true;
  }
}
registerProcessor("recorder", Recorder);
