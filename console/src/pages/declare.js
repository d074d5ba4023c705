// A candidate becomes a datastream: an entry more in the desired state.
import { useEffect, useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { get, path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { Button, Field } from '../parts/basics.js';
import { Dialog } from '../parts/dialog.js';
import { tell } from '../parts/toast.js';
import { example } from './candidates.js';
import { mistakes_of } from './editor.js';
import { has_trend } from '../parts/values.js';

const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 63);
const kIntervals = [10, 20, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000, 30000, 60000];
const kSaysNothing = ['state', 'status', 'value', 'values', 'data', 'telemetry', 'sensor', 'sensors'];
const has_unit = (kind) => kind === 'number' || kind === 'integer' || kind === 'waveform';
const quoted = (text) => JSON.stringify(text); // every JSON text is a YAML text

function interval(rate_hz) {
  if (!(rate_hz > 0)) return '1s';
  const wanted = 1000 / rate_hz;
  const ms = kIntervals.reduce((best, i) => (Math.abs(Math.log(i / wanted)) < Math.abs(Math.log(best / wanted)) ? i : best));
  return ms % 1000 ? `${ms}ms` : `${ms / 1000}s`;
}

export function entry(candidate, form) {
  const lines = [
    `- id: ${quoted(form.id)}`,
    ...(form.name ? [`  name: ${quoted(form.name)}`] : []),
    `  asset: ${quoted(form.asset)}`,
    `  property: ${quoted(form.property)}`,
    ...(form.unit ? [`  unit: ${quoted(form.unit)}`] : []),
    ...(candidate.kind === 'number' ? [] : [`  kind: ${candidate.kind}`]),
    `  policy: {uplink: ${form.uplink}}`,
    `  from: {source: ${quoted(candidate.source)}, address: ${quoted(candidate.address)}, interval: ${interval(candidate.rate_hz)}${form.rate_hz ? `, rate_hz: ${form.rate_hz}` : ''}}`,
  ];
  return lines.map((line) => `  ${line}\n`).join('');
}

// The server writes `datastreams:` as a block of items two deep, or `datastreams: []`. The new one
// stands first in it: line numbers of mistakes then point near the top.
export function with_datastream(yaml, text) {
  const head = /^datastreams:[ \t]*(\[[ \t]*\])?[ \t]*\n/m;
  const ended = yaml.endsWith('\n') || yaml === '' ? yaml : `${yaml}\n`;
  return head.test(ended) ? ended.replace(head, () => `datastreams:\n${text}`) : `${ended}datastreams:\n${text}`;
}

function first_guess(candidate, datastreams) {
  const wanted = slug(candidate.address.split(/[/#]/).filter((part) => part && !kSaysNothing.includes(part)).slice(-3).join('-')) || 'signal';
  const count = {};
  for (const d of datastreams) count[d.asset] = (count[d.asset] || 0) + 1;
  const alike = datastreams.find((d) => d.source === candidate.source);
  const asset = alike?.asset ?? Object.keys(count).sort((a, b) => count[b] - count[a])[0] ?? '';
  const known = new Set(datastreams.map((d) => d.id));
  let id = wanted;
  for (let n = 2; known.has(id); ++n) id = `${wanted.slice(0, 60)}-${n}`;
  return { id, name: '', asset, property: candidate.suggested_property, unit: candidate.suggested_unit, uplink: has_trend(candidate.kind) ? 'summary' : 'never' };
}

export function Declare({ site, candidate, onClose, done }) {
  const datastreams = useData(path`/sites/${site}/datastreams`);
  const [form, set_form] = useState(null);
  useEffect(() => {
    if (datastreams.data && !form) set_form(first_guess(candidate, datastreams.data));
  }, [datastreams.data]);
  const declare = useAction(async () => {
    const twin = await get(path`/sites/${site}/twin`);
    const yaml = with_datastream(twin.desired.yaml, entry(candidate, form));
    await post(path`/sites/${site}/desired`, yaml, { dry_run: 1, file: 'declaration' });
    return post(path`/sites/${site}/desired`, yaml, { file: 'declaration' });
  });
  const submit = async (event) => {
    event.preventDefault();
    const answer = await declare.run();
    if (!answer) return;
    tell(`${form.id} is declared: revision ${answer.revision}.`);
    done();
    onClose();
  };
  const input = (key, more = {}) => html`<input value=${form[key]} autocapitalize="none" spellcheck="false" onInput=${(e) => set_form({ ...form, [key]: e.target.value })} ...${more} />`;
  const assets = [...new Set((datastreams.data || []).map((d) => d.asset))];

  return html`<${Dialog} title="Declare a datastream" onClose=${onClose}>
    <p class="muted">From <code>${candidate.source} · ${candidate.address}</code>, now <span class="num">${example(candidate)}</span></p>
    ${form && html`<form onSubmit=${submit}>
      <div class="form-grid">
        <${Field} label="Id" hint="For life: a-z 0-9 . _ -">${input('id', { required: true, maxlength: 63 })}<//>
        <${Field} label="Name" hint="For people; optional">${input('name', { autocapitalize: 'sentences' })}<//>
        <${Field} label="Asset" hint="Like acme/oslo/hall-2/line-1/pump-1">${input('asset', { required: true, list: 'known-assets' })}<//>
        <${Field} label="Property" hint="One word: pressure, vibration, flow-rate">${input('property', { required: true })}<//>
        ${has_unit(candidate.kind) && html`<${Field} label="Unit" hint="UCUM: bar, mm/s, Cel, A, %; 1 for a plain number">${input('unit', { required: true })}<//>`}
        ${candidate.kind === 'waveform' && html`<${Field} label="Samples a second" hint="Empty when each message says its rate_hz">${input('rate_hz', { inputmode: 'decimal', pattern: '[0-9]+([.][0-9]+)?' })}<//>`}
        <${Field} label="Leaves the site as">
          <select value=${form.uplink} onChange=${(e) => set_form({ ...form, uplink: e.target.value })}>
            ${has_trend(candidate.kind) && html`<option value="summary">Minute summaries</option>`}
            ${(has_trend(candidate.kind) || candidate.kind === 'text') && html`<option value="raw">Every value</option>`}
            <option value="never">Nothing: it stays</option>
          </select>
        <//>
      </div>
      <datalist id="known-assets">${assets.map((a) => html`<option value=${a} />`)}</datalist>
      ${declare.error && html`<div class="problem block" role="alert"><ul class="mistakes">${mistakes_of(declare.error).map((m) => html`<li>${m.text}</li>`)}</ul></div>`}
      <div class="buttons end"><${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" type="submit" busy=${declare.busy}>Declare<//></div>
    </form>`}
  <//>`;
}
