"""When the script of a Streamlit page runs, seen from the browser."""

WATCH_RUNS = """
    window.ferRuns = [];  // of each run of the script: [asked for, done, whether of a fragment alone], in ms
    // Streamlit's messages tell this. Its marks on the page don't: a short run's on and off can fall into one
    // drawing, and then nothing on the page ever changes.
    const readFields = (bytes) => {  // the top level of a protobuf message
        const fields = {};
        let at = 0;
        const readNumber = () => {
            let value = 0;
            for (let factor = 1; ; factor *= 128) {
                const byte = bytes[at++];
                value += (byte & 127) * factor;
                if (!(byte & 128)) return value;
            }
        };
        while (at < bytes.length) {
            const key = readNumber();
            const value = readNumber();
            if (key % 8 === 2) at += value;  // a length: that many bytes follow
            else if (key % 8 !== 0) break;
            fields[Math.floor(key / 8)] = key % 8 === 2 ? bytes.subarray(at - value, at) : value;
        }
        return fields;
    };
    window.WebSocket = class extends window.WebSocket {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', ({data}) => {
                const end = data instanceof ArrayBuffer ? readFields(new Uint8Array(data))[6] : undefined;
                if (end === undefined || end === 2) return;  // script_finished; 2 is early, to begin again
                for (const run of window.ferRuns)
                    if (run[1] === null && (end !== 3 || run[2]))  // 3: a fragment is done
                        run[1] = performance.now();
                if (window.ferRuns.length > 200) window.ferRuns.splice(0, 100);
            });
        }
        send(data) {
            const state = data instanceof Uint8Array ? readFields(data)[11] : undefined;  // rerun_script
            if (state !== undefined) {
                const asked = readFields(state);
                const isOfFragment = asked[5] !== undefined;
                if (!asked[6]) window.ferRuns.push([performance.now(), null, isOfFragment]);  // not timed
            }
            super.send(data);
        }
    };
"""
"""Script for every page before its own; times are those of `performance.now()`."""
RUN_STARTED = "(since) => window.ferRuns.some((run) => run[0] >= since)"
RUN_ENDED = """(since) => {
    const later = window.ferRuns.filter((run) => run[0] >= since);
    return later.length > 0 && later.every((run) => run[1] !== null) ? later[0][1] - since : 0;
}"""
"""Milliseconds from `since` to the end of the first run asked for after it; 0 while any such run goes on."""
