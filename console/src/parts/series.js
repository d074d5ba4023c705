// A datastream's points over a range that moves with the clock: loaded downsampled, then live.
import { useEffect, useRef, useState } from 'preact/hooks';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { live, on_event } from '../core/live.js';
import { on_hub } from '../core/session.js';

const kMinute = 60_000;
// key, words, length in ms, ms between two loads where the server tells nothing by itself
export const kRanges = [
  ['10m', '10 min', 10 * kMinute, 10_000],
  ['1h', '1 h', 60 * kMinute, 20_000],
  ['24h', '24 h', 1440 * kMinute, kMinute],
  ['30d', '30 d', 43200 * kMinute, 5 * kMinute],
];

// The newest observation of each datastream, as the site tells it: { id: {time, value, quality} }.
export function useLatest(datastreams) {
  const [told, set_told] = useState({});
  useEffect(
    () => on_event('observations', (list) => set_told((before) => ({ ...before, ...Object.fromEntries(list.map((o) => [o.datastream, o])) }))),
    [],
  );
  return Object.fromEntries((datastreams || []).map((d) => [d.id, told[d.id] ?? d.latest]));
}

// Samples as the server gives them: least, mean, most of each `step` ms.
function in_buckets(samples, step) {
  const out = [];
  for (const [t, value] of samples) {
    const at = t - (t % step);
    const last = out[out.length - 1];
    if (last?.[0] !== at) {
      out.push([at, value, value, value, 1]);
      continue;
    }
    const n = last[4];
    out[out.length - 1] = [at, Math.min(last[1], value), (last[2] * n + value) / (n + 1), Math.max(last[3], value), n + 1];
  }
  return out;
}

// { rows, from, to, error, reload }; when: false while nobody sees it.
export function useSeries(site, datastream, range_key, points, when = true) {
  const [, , length, repeat] = kRanges.find(([key]) => key === range_key);
  // Where samples come by themselves, loading again only brings the band and what came late.
  const told = !on_hub() && live.value;
  const loaded = useData(when ? path`/sites/${site}/series` : null, {
    query: { datastream, last: range_key, points },
    every: told ? Math.max(repeat, kMinute) : repeat,
  });
  const fresh = useRef([]);
  const [, redraw] = useState(0);

  useEffect(() => {
    fresh.current = [];
    if (!when) return undefined;
    return on_event('observations', (list) => {
      for (const o of list) {
        if (o.datastream !== datastream || typeof o.value !== 'number' || o.quality !== 'Good') continue;
        fresh.current.push([Date.parse(o.time), o.value]);
      }
      redraw((n) => n + 1); // also without a sample: the window moves on
    });
  }, [site, datastream, range_key, when]);

  const to = Date.now();
  const from = to - length;
  const known = loaded.data?.points ?? [];
  const step = length / points;
  const end = known.length ? known[known.length - 1][0] + step : 0;
  fresh.current = fresh.current.filter(([t]) => t > from);
  const rows = [...known.filter(([t]) => t > from - step), ...in_buckets(fresh.current.filter(([t]) => t > end), step)];
  return { ...loaded, rows, from, to, unit: loaded.data?.unit };
}
