// Apps on their way to sites; the packages they come in.
import { useRef, useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { call, path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { to } from '../core/router.js';
import { may } from '../core/session.js';
import { actor, bytes, count, unit_text, words } from '../core/format.js';
import { Ago, Button, Card, Empty, Loaded, Problem, Time } from '../parts/basics.js';
import { ComponentState, RolloutState } from '../parts/badges.js';
import { tell } from '../parts/toast.js';
import { StartRollout } from './start_rollout.js';

const Phase = ({ rollout, n }) => html`<div class="phase ${n < rollout.phase || rollout.state === 'done' ? 'past' : n === rollout.phase ? 'now' : ''}">
  <h3>Phase ${n + 1} of ${rollout.phases.length}${n === rollout.phase && rollout.state === 'running' ? ', going on' : ''}</h3>
  <ul>${rollout.phases[n].map((site) => {
    const state = rollout.sites[site];
    return html`<li key=${site}><a href=${to('sites', site, 'config')}>${site}</a> ${state ? html`<${ComponentState} of=${state.status} />` : html`<span class="muted">waits</span>`}${state?.reason && html`<p class="muted">${state.reason}</p>`}</li>`;
  })}</ul>
</div>`;

function Rollout({ rollout, open, changed }) {
  const cancel = useAction(() => post(path`/rollouts/${rollout.id}/cancel`, {}));
  const stop = async () => {
    if (await cancel.run()) tell('The rollout is cancelled; sites that have it keep it.');
    changed();
  };
  const states = Object.values(rollout.sites);
  const have = states.filter((s) => s.status === 'applied').length;
  const all = rollout.phases.flat().length;
  return html`<li class="card rollout">
    <details open=${open}>
      <summary><span class="rollout-name">${rollout.app} <b>${rollout.version}</b></span><${RolloutState} of=${rollout.state} />
        <span class="muted num">${have} of ${count(all, 'site')}</span><span class="muted"><${Ago} at=${rollout.created} /></span></summary>
      ${rollout.reason && html`<p class="note">${rollout.reason}</p>`}
      <p class="muted">Started by ${actor(rollout.author)}, <${Time} at=${rollout.created} />; stops when more than ${count(rollout.max_failed, 'site')} fail. <code title=${rollout.digest}>${rollout.digest.replace(/^sha256:/, '').slice(0, 12)}</code></p>
      <div class="phases">${rollout.phases.map((_, n) => html`<${Phase} rollout=${rollout} n=${n} />`)}</div>
      <${Problem} error=${cancel.error} />
      ${may('operate') && rollout.state === 'running' && html`<div class="buttons"><${Button} kind="danger" busy=${cancel.busy} onClick=${stop}>Cancel the rollout<//></div>`}
    </details>
  </li>`;
}

function Upload({ done }) {
  const file = useRef();
  const send = useAction((body) => call('POST', path`/packages`, { body }));
  const take = async () => {
    const body = file.current.files[0];
    if (!body) return;
    const made = await send.run(body);
    file.current.value = '';
    if (made) tell(`${made.name} ${made.version} is imported.`);
    done();
  };
  return html`<${Problem} error=${send.error} />
    <label class="button ${send.busy ? 'busy' : ''}">${send.busy ? 'Importing …' : 'Import a package'}<input class="hidden-input" type="file" ref=${file} onChange=${take} /></label>`;
}

const Packages = ({ list, start }) => html`<div class="scroll" tabindex="0" role="region" aria-label="Packages"><table class="stacked">
  <thead><tr><th>App</th><th>Version</th><th>Vendor</th><th>Purpose</th><th>Needs</th><th class="right">Size</th><th></th></tr></thead>
  <tbody>${list.map(
    (p) => html`<tr key=${p.digest}>
      <th scope="row">${p.title || p.name}<br /><code class="muted">${p.name}</code></th>
      <td data-label="Version">${p.version}</td><td data-label="Vendor">${p.vendor}</td><td data-label="Purpose">${p.purpose}</td>
      <td data-label="Needs">${p.ports.map((port) => `${words(port.property).toLowerCase()}${port.unit ? ` (${unit_text(port.unit) || '1'})` : ''}`).join(', ') || '–'}</td>
      <td data-label="Size" class="right num">${bytes(p.size)}</td>
      <td class="right">${may('operate') && html`<${Button} kind="small" onClick=${() => start(p)}>Roll out …<//>`}</td>
    </tr>`,
  )}</tbody>
</table></div>`;

export function Rollouts({ id }) {
  const [starting, set_starting] = useState(null);
  const rollouts = useData(path`/rollouts`, { every: 15000, on: ['rollout', 'twin'] });
  const packages = useData(path`/packages`);
  return html`
    <div class="page-head"><h1>Rollouts</h1></div>
    <${Loaded} from=${rollouts} what="the rollouts">
      ${(list) =>
        list.length
          ? html`<ul class="rollouts">${list.map((r, i) => html`<${Rollout} key=${r.id} rollout=${r} open=${id ? r.id === id : i === 0} changed=${rollouts.reload} />`)}</ul>`
          : html`<${Empty}><b>No rollouts yet.</b><br />A rollout brings an app to sites, phase by phase, and stops when it fails.<//>`}
    <//>
    <${Card} title="Packages" side=${may('manage_packages') && html`<${Upload} done=${packages.reload} />`}>
      <${Loaded} from=${packages} what="the packages">
        ${(list) => (list.length ? html`<${Packages} list=${list} start=${set_starting} />` : html`<${Empty}>No packages yet: make one with <code>lander app pack</code> and <code>lander app sign</code>.<//>`)}
      <//>
    <//>
    ${starting && html`<${StartRollout} of=${starting} onClose=${() => set_starting(null)} started=${rollouts.reload} />`}`;
}
