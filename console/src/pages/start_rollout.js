import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { Button, Field, Loaded, Problem } from '../parts/basics.js';
import { Presence } from '../parts/badges.js';
import { Dialog } from '../parts/dialog.js';
import { tell } from '../parts/toast.js';

const kPhases = [0, 1, 2, 3];

export function StartRollout({ of, onClose, started }) {
  const sites = useData(path`/sites`);
  const [phase_of, set_phase_of] = useState({}); // site -> 1.., 0: left out
  const [max_failed, set_max_failed] = useState(0);
  const phases = kPhases.slice(1).map((n) => Object.keys(phase_of).filter((site) => phase_of[site] === n)).filter((p) => p.length);
  const start = useAction(() => post(path`/rollouts`, { app: of.name, version: of.version, phases, max_failed }));
  const submit = async (event) => {
    event.preventDefault();
    if (!(await start.run())) return;
    tell('The rollout is started.');
    started();
    onClose();
  };
  const pick = (site) => (event) => set_phase_of({ ...phase_of, [site]: Number(event.target.value) });
  const everywhere = () => set_phase_of(Object.fromEntries(sites.data.map((s, i) => [s.site, sites.data.length > 1 && i === 0 ? 1 : sites.data.length > 1 ? 2 : 1])));
  return html`<${Dialog} title="Roll out ${of.name} ${of.version}" onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>Phase 1 first; the next phase begins when the one before runs well.</p>
      <${Loaded} from=${sites} what="the sites">
        ${(list) => html`<ul class="pick-sites">
          ${list.map((s) => html`<li key=${s.site}><span>${s.site} <${Presence} of=${s.presence} /></span>
            <select aria-label="Phase of ${s.site}" value=${phase_of[s.site] || 0} onChange=${pick(s.site)}>
              ${kPhases.map((n) => html`<option value=${n}>${n ? `Phase ${n}` : 'Leave out'}</option>`)}
            </select></li>`)}
        </ul>
        <${Button} kind="small" onClick=${everywhere}>One site first, then all<//>`}
      <//>
      <${Field} label="Go on though so many sites fail">
        <input type="number" min="0" max="1000000" value=${max_failed} onInput=${(e) => set_max_failed(Math.max(0, Number(e.target.value) || 0))} />
      <//>
      <${Problem} error=${start.error} />
      <div class="buttons end"><${Button} onClick=${onClose}>Cancel<//><${Button} kind="primary" type="submit" busy=${start.busy} disabled=${!phases.length}>Start<//></div>
    </form>
  <//>`;
}
