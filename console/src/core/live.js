// What the server tells by itself (server-sent events).
import { signal } from '@preact/signals';

const kKinds = ['alert', 'site', 'twin', 'observations', 'rollout'];
export const live = signal(false); // the stream is open
const listeners = new Map(kKinds.map((kind) => [kind, new Set()]));
let stream = null;
let retry = 0;

export function on_event(kind, then) {
  listeners.get(kind).add(then);
  return () => listeners.get(kind).delete(then);
}

export function start_live() {
  stop_live();
  stream = new EventSource('/api/v1/events');
  stream.onopen = () => (live.value = true);
  stream.onerror = () => {
    live.value = false;
    // The browser tries again by itself, except after an answer that is no stream.
    if (stream?.readyState === EventSource.CLOSED) retry = setTimeout(start_live, 5000);
  };
  for (const kind of kKinds) {
    stream.addEventListener(kind, (event) => {
      const body = JSON.parse(event.data);
      for (const then of listeners.get(kind)) then(body);
    });
  }
}

export function stop_live() {
  clearTimeout(retry);
  stream?.close();
  stream = null;
  live.value = false;
}
