// How fast it goes: frames that came, frames that were analysed, and how long each took.

const WINDOW_S = 3;
const MAX_LATENCIES = 300;

export class Pace {
  constructor() {
    Object.assign(this, { received: [], analysed: [], latencies: [], numReceived: 0, numAnalysed: 0 });
  }

  static mark(times, now) {
    times.push(now);
    while (times.length > 1 && now - times[0] > 1000 * WINDOW_S) times.shift();
  }

  receive(now = performance.now()) {
    this.numReceived++;
    Pace.mark(this.received, now);
  }

  /** A frame is drawn that came at `cameMs`. */
  finish(cameMs, now = performance.now()) {
    this.numAnalysed++;
    Pace.mark(this.analysed, now);
    this.latencies.push(now - cameMs);
    if (this.latencies.length > MAX_LATENCIES) this.latencies.shift();
  }

  static perSecond(times) {
    return times.length > 1 ? (1000 * (times.length - 1)) / (times.at(-1) - times[0]) : 0;
  }

  report() {
    const sorted = [...this.latencies].sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
    return {
      receivedFps: Pace.perSecond(this.received),
      analysedFps: Pace.perSecond(this.analysed),
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      numReceived: this.numReceived,
      numAnalysed: this.numAnalysed,
    };
  }
}
