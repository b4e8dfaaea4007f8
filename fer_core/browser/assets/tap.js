// Hands a microphone's samples to the page, an eighth of a second at a time; it runs where sound is computed.
const SIZE = 2048;

registerProcessor(
  "tap",
  class extends AudioWorkletProcessor {
    held = new Float32Array(SIZE);
    length = 0;

    process([[samples]]) {
      for (const sample of samples ?? []) {
        this.held[this.length++] = sample;
        if (this.length === SIZE) {
          this.port.postMessage(this.held.slice());
          this.length = 0;
        }
      }
      return true;
    }
  },
);
