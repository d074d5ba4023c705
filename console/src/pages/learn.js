// Learning: is there enough and good enough data yet; then the job, to its end.
import { useEffect, useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { get, path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { number, percent } from '../core/format.js';
import { Button, Field, Loaded, Loading, Problem } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';
import { Dialog } from '../parts/dialog.js';
import { tell } from '../parts/toast.js';
import { has_trend } from '../parts/values.js';

const kSpans = [
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['24h', '1 day'],
  ['14d', '14 days'],
  ['30d', '30 days'],
];

const Readiness = ({ of }) => html`
  <p><${Badge} level=${of.ready ? 'ok' : 'warn'}>${of.ready ? 'Ready' : 'Not ready'}<//> ${of.reason}</p>
  <p class="muted num">${number(of.rows_usable)} usable rows, ${number(of.rows_needed)} needed</p>
  <progress max=${of.rows_needed || 1} value=${Math.min(of.rows_usable, of.rows_needed)} aria-label="Usable rows"></progress>
  ${of.inputs.length > 0 && html`<ul class="inputs">
    ${of.inputs.map((i) => html`<li key=${i.datastream}><b>${i.datastream}</b> <span class="muted">missing ${percent(i.missing)}, frozen ${percent(i.frozen)}, bad ${percent(i.bad)}</span> ${i.complaint && html`<span class="warn-text">${i.complaint}</span>`}</li>`)}
  </ul>`}`;

// Follows the job until it is done or failed.
function useJob(site, id) {
  const [state, set_state] = useState(null);
  useEffect(() => {
    if (!id) return undefined;
    let stopped = false;
    const follow = async () => {
      try {
        const job = await get(path`/sites/${site}/jobs/${id}`);
        if (!stopped) set_state(job);
        if (job.state !== 'running') return;
      } catch (error) {
        if (!stopped) set_state({ state: 'failed', reason: error.message });
        return;
      }
      if (!stopped) setTimeout(follow, 700);
    };
    follow();
    return () => (stopped = true);
  }, [id]);
  return state;
}

const Progress = ({ job }) => html`
  <p role="status">Learning … <span class="num">${percent(job?.progress ?? 0)}</span></p>
  <progress max="1" value=${job?.progress ?? 0} aria-label="Progress"></progress>`;

export function Learn({ site, onClose, made }) {
  const datastreams = useData(path`/sites/${site}/datastreams`);
  const assets = [...new Set((datastreams.data || []).filter((d) => has_trend(d.kind)).map((d) => d.asset))].sort();
  const [chosen, set_asset] = useState('');
  const [last, set_last] = useState('14d');
  const [id, set_id] = useState('');
  const asset = chosen || assets[0];
  const readiness = useData(asset && !id ? path`/sites/${site}/readiness` : null, { query: { asset, last }, every: 10000 });
  const train = useAction(() => post(path`/sites/${site}/train`, { asset, last }));
  const job = useJob(site, id);
  useEffect(() => {
    if (job?.state !== 'done') return;
    tell('The new model is there.');
    made();
    onClose();
  }, [job?.state]);

  const start = async () => {
    const answer = await train.run();
    if (answer) set_id(answer.job);
  };
  const form = () => html`
    <p>Choose a time in which the equipment was healthy. Times of alarms are left out, but for those that were judged false.</p>
    <${Field} label="Asset"><select value=${asset} onChange=${(e) => set_asset(e.target.value)}>${assets.map((a) => html`<option value=${a}>${a}</option>`)}</select><//>
    <${Field} label="Learn from the last"><select value=${last} onChange=${(e) => set_last(e.target.value)}>${kSpans.map(([key, text]) => html`<option value=${key}>${text}</option>`)}</select><//>
    <div class="readiness"><${Loaded} from=${readiness} what="what is stored">${(r) => html`<${Readiness} of=${r} />`}<//></div>
    <${Problem} error=${train.error} />
    <div class="buttons end"><${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" busy=${train.busy} disabled=${!readiness.data?.ready} onClick=${start}>Learn<//></div>`;

  return html`<${Dialog} title="Learn a model" onClose=${onClose}>
    ${datastreams.data && assets.length === 0 && html`<p>There are no datastreams to learn from yet.</p>`}
    ${!datastreams.data && html`<${Loading} what="the datastreams" />`}
    ${assets.length > 0 && !id && form()}
    ${id && job?.state !== 'failed' && html`<${Progress} job=${job} />`}
    ${job?.state === 'failed' && html`<${Problem} error=${{ message: `Learning failed: ${job.reason}` }} /><div class="buttons end"><${Button} onClick=${() => set_id('')}>Back<//></div>`}
  <//>`;
}
