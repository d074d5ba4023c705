// What watches each asset: active, shadow and previous model; learning a new one.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { may, on_hub } from '../core/session.js';
import { actor, count, duration, number, percent, unit_text, words } from '../core/format.js';
import { Button, Card, Empty, Facts, Loaded, Problem, Time } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';
import { tell } from '../parts/toast.js';
import { Learn } from './learn.js';

const short = (digest) => digest && html`<code title=${digest}>${digest.replace(/^sha256:/, '').slice(0, 12)}</code>`;
const kRoles = [
  ['active', 'Active', 'ok', 'Its alerts count'],
  ['shadow', 'Shadow', 'info', 'Runs beside the active one; its alerts do not count'],
  ['previous', 'Previous', 'off', 'Rollback goes back to it'],
];

const alarms = (a_day) => (a_day >= 1 ? `aims at ${number(a_day, 2)} a day` : a_day > 0 ? `aims at one in ${number(1 / a_day, 2)} days` : '–');

const Inputs = ({ of }) => html`<details><summary>${count(of.length, 'input')}</summary>
  <ul class="inputs">${of.map((i) => html`<li key=${i.datastream}><b>${i.datastream}</b> <span class="muted">rev. ${i.revision}, ${words(i.property).toLowerCase()}, learned ${number(i.least)} to ${number(i.most)} ${unit_text(i.unit)}</span></li>`)}</ul>
</details>`;

function One({ model, score, role, level, title }) {
  if (!model) return html`<div class="model none"><p><${Badge} level="off" title=${title}>${role}<//></p><p class="muted">none</p></div>`;
  return html`<div class="model">
    <p><${Badge} level=${level} title=${title}>${role}<//> ${short(model.digest)}</p>
    <${Facts} of=${[
      ['Method', model.method],
      ['Made', html`<${Time} at=${model.created} />`],
      ['By', actor(model.trained_by)],
      ['Learned from', html`<${Time} at=${model.trained_from} />`],
      ['Learned until', html`<${Time} at=${model.trained_to} />`],
      ['Rows', `${number(model.rows)}${model.rows_left_out ? `, ${number(model.rows_left_out)} left out` : ''}`],
      ['Step', model.interval_ms >= 1000 ? duration(model.interval_ms / 1000) : `${model.interval_ms} ms`],
      ['False alarms', alarms(model.false_alarms_per_day)],
      ['Comes from', short(model.parent)],
      ...model.metrics.map((m) => [words(m.name), number(m.value)]),
      ['Score now', score && html`${number(score.score)} <span class="muted">(limit 1)</span>`],
    ]} />
    <${Inputs} of=${model.inputs} />
  </div>`;
}

const kPhases = {
  watching: ['ok', 'Watching', 'Trains anew on drift, three new verdicts, or after 30 days'],
  training: ['info', 'Training', 'In the background; capture goes first'],
  shadowing: ['info', 'Trying a shadow', 'It runs beside the active model for a day'],
  comparing: ['info', 'Comparing', 'Shadow and active model on data that neither learned from'],
  proposed: ['warn', 'Shadow is no worse', 'A person promotes it'],
  probation: ['info', 'On probation', 'Rolled back by itself when it alarms too often'],
};
const kAutonomy = { none: 'does nothing by itself', shadow: 'learns by itself, a person promotes', promote: 'learns and promotes by itself' };
function Loop({ of }) {
  if (!of) return null;
  const [level, text, title] = kPhases[of.phase] ?? ['off', words(of.phase)];
  return html`<p class="loop"><${Badge} level=${level} title=${title}>${text}<//><span class="muted">${kAutonomy[of.autonomy]}</span>
    <span class="muted">${count(of.verdicts, 'verdict')}${of.new_verdicts ? `, ${of.new_verdicts} new` : ''}</span>
    ${of.drift > 0.2 && html`<span class="${of.drift >= 1 ? 'warn-text' : 'muted'}">drift ${percent(of.drift)}${of.drift_reason ? `: ${of.drift_reason}` : ''}</span>`}</p>`;
}

const kHappenings = { trained: 'info', refused: 'warn', proposed: 'warn', promoted: 'ok', 'rolled-back': 'bad', proven: 'ok' };
const History = ({ of }) => of?.length > 0 && html`<details><summary>${count(of.length, 'step')} so far, the newest <${Time} at=${of[0].time} /></summary>
  <ol class="history">${of.map((e) => html`<li><${Badge} level=${kHappenings[e.what]}>${words(e.what)}<//><span>${short(e.model)} <span class="muted"><${Time} at=${e.time} />, ${e.actor === 'site' ? 'by itself' : actor(e.actor)}</span></span>
    <span class="reason">${e.reason}${e.numbers.length > 0 && html` <span class="muted">${e.numbers.map((n) => `${words(n.name).toLowerCase()} ${number(n.value)}`).join(', ')}</span>`}</span></li>`)}</ol>
</details>`;

function Asset({ site, entry, changed }) {
  const change = useAction((what) => post(path`/sites/${site}/models/` + what, { asset: entry.asset }));
  const run = async (what, text) => {
    if (await change.run(what)) tell(text);
    changed();
  };
  const buttons = !on_hub() && may('operate') && html`
    ${entry.shadow && html`<${Button} kind="small primary" busy=${change.busy} onClick=${() => run('promote', 'The shadow model is active now.')}>Promote the shadow<//>`}
    ${entry.previous && html`<${Button} kind="small" busy=${change.busy} onClick=${() => run('rollback', 'The previous model is active again.')}>Roll back<//>`}`;
  return html`<${Card} title=${entry.asset} side=${buttons}>
    <${Problem} error=${change.error} />
    <${Loop} of=${entry.loop} />
    ${!on_hub() && html`<div class="model-row">${kRoles.map(([key, role, level, title]) => html`<${One} model=${entry[key]} score=${entry[key === 'active' ? 'watch_score' : `${key}_score`]} role=${role} level=${level} title=${title} />`)}</div>`}
    <${History} of=${entry.history} />
  <//>`;
}

export function Models({ site }) {
  const [learning, set_learning] = useState(false);
  const models = useData(path`/sites/${site}/models`, { every: 10000, on: ['site'] });
  const can_learn = !on_hub() && may('operate');
  return html`
    <div class="bar">
      ${can_learn && html`<${Button} kind="primary" onClick=${() => set_learning(true)}>Learn a model<//>`}
      ${on_hub() && html`<p class="note">The models are at the site: learned, promoted and rolled back on its own console or with <code>lander learn</code>. Here is what happened to them.</p>`}
    </div>
    <${Loaded} from=${models} what="the models">
      ${(list) =>
        list.length
          ? list.map((entry) => html`<${Asset} key=${entry.asset} site=${site} entry=${entry} changed=${models.reload} />`)
          : html`<${Empty}><b>No model yet.</b><br />A model learns what healthy looks like from stored data, then watches for what is not.<//>`}
    <//>
    ${learning && html`<${Learn} site=${site} onClose=${() => set_learning(false)} made=${models.reload} />`}`;
}
