// Sticks that are plugged into the site, and what is being picked up onto one of them.
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { may } from '../core/session.js';
import { bytes, duration, number, percent } from '../core/format.js';
import { Ago, Button, Card, Empty, Loaded, Problem } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';

const kStates = { idle: ['off', 'Nothing picked up yet'], running: ['info', 'Picking up'], done: ['ok', 'Picked up'], failed: ['bad', 'Stopped'] };

const files = (n) => (n === 1 ? '1 file' : `${number(n)} files`);

function Running({ of: p }) {
  const all = p.bytes + p.bytes_left;
  return html`
    <p role="status">${p.folder}, for ${p.peer || 'everybody'}: <span class="num">${all ? percent(p.bytes / all) : ''}</span></p>
    <progress max=${all || 1} value=${p.bytes} aria-label="Picked up"></progress>
    <p class="muted num">${files(p.files)}, ${bytes(p.bytes)}${p.bytes_a_second > 0 ? `, ${bytes(p.bytes_a_second)}/s` : ''}; ${bytes(p.bytes_left)} left${p.eta_s > 1 ? `, ${duration(p.eta_s)}` : ''}</p>`;
}

const Ended = ({ of: p }) => html`
  <p><code>${p.folder}</code> <${Ago} at=${p.ended} />: <span class="num">${files(p.files)} written, ${bytes(p.bytes)}</span>${p.kept ? html`, ${number(p.kept)} there already` : ''}${p.brought ? html`; ${files(p.brought)} taken in from it` : ''}</p>
  ${p.state === 'failed' && html`<p class="note">${p.reason}. What is written stays: plug it in again and it goes on.</p>`}
  ${p.refused.length > 0 && html`<p class="note">${p.refused[0]}</p>`}`;

const Stick = ({ of: s, start, busy }) => html`<li class="copy-row"><span><code>${s.folder}</code> <span class="muted num">${bytes(s.free_bytes)} free${s.marked ? '' : ', not marked for this tenant'}</span></span>
  ${may('pickup') && html`<${Button} kind="small" busy=${busy} onClick=${() => start(s.folder)}>Pick up<//>`}</li>`;

export function Pickup({ site }) {
  const sticks = useData(path`/sites/${site}/sticks`, { every: 5000 });
  const state = useData(path`/sites/${site}/pickup`, { every: 1000 });
  const start = useAction(async (folder) => {
    await post(path`/sites/${site}/pickup`, { folder });
    state.reload();
  });
  const runs = state.data?.state === 'running';
  const [level, text] = kStates[state.data?.state] ?? kStates.idle;
  return html`<${Card} kind="pickup" title="Courier" side=${state.data && html`<${Badge} level=${level}>${text}<//>`}>
    <${Loaded} from=${state} what="the pickup">${(p) => (p.state === 'running' ? html`<${Running} of=${p} />` : p.state === 'idle' ? null : html`<${Ended} of=${p} />`)}<//>
    <${Loaded} from=${sticks} what="sticks">${(list) => (list.length
      ? html`<ul class="inputs">${list.map((s) => html`<${Stick} key=${s.folder} of=${s} start=${start.run} busy=${start.busy || runs} />`)}</ul>`
      : html`<${Empty}>No stick is plugged in. One that was prepared at the hub is picked up by itself.<//>`)}<//>
    ${start.error && html`<${Problem} error=${start.error} />`}
  <//>`;
}
