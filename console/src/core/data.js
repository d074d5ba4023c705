// Reading the API from a component: loads, keeps what it has while it loads again, repeats.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { get } from './api.js';
import { on_event } from './live.js';

const kSettle = 400; // ms: a burst of events is one reload

// Calls `then` each `every` ms while the page is looked at, and when it is looked at again.
export function useRepeat(then, every, again) {
  const latest = useRef(then);
  latest.current = then;
  useEffect(() => {
    if (!every) return undefined;
    const run = () => document.hidden || latest.current();
    const timer = setInterval(run, every);
    document.addEventListener('visibilitychange', run);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', run);
    };
  }, [every, again]);
}

// { data, error, reload }. url null: nothing to load. on: kinds of events that make it load again.
export function useData(url, { query, every = 0, on = [] } = {}) {
  const [state, set_state] = useState({});
  const key = url && JSON.stringify([url, query]);
  const current = useRef({ key: null, abort: null });

  const reload = useCallback(async () => {
    if (!key) return;
    current.current.abort?.abort();
    const abort = new AbortController();
    current.current = { key, abort };
    try {
      const data = await get(url, query, abort.signal);
      set_state({ key, data });
    } catch (error) {
      if (error.name === 'AbortError') return;
      set_state((before) => ({ key, data: before.key === key ? before.data : undefined, error }));
    }
  }, [key]);

  useEffect(() => {
    reload();
    return () => current.current.abort?.abort();
  }, [reload]);
  useRepeat(reload, every, key);
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(reload, kSettle);
    };
    const stops = on.map((kind) => on_event(kind, soon));
    return () => {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, [reload, on.join()]);

  const mine = state.key === key;
  return { data: mine ? state.data : undefined, error: mine ? state.error : undefined, reload };
}

// A change that a button asks for: { run, busy, error }.
export function useAction(work) {
  const [state, set_state] = useState({});
  const run = async (...given) => {
    set_state({ busy: true });
    try {
      const result = await work(...given);
      set_state({});
      return result;
    } catch (error) {
      set_state({ error });
      return undefined;
    }
  };
  return { ...state, run, forget: () => set_state({}) };
}
