// One alert: what was seen, what explains it, who did what, and what can be done.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { to } from '../core/router.js';
import { may } from '../core/session.js';
import { actor, kVerdicts, number, percent, unit_text, with_unit, words } from '../core/format.js';
import { Button, Card, Facts, Field, Loaded, Problem, Time } from '../parts/basics.js';
import { AlertState, Brief, Severity } from '../parts/badges.js';
import { Chart } from '../parts/chart.js';
import { useAlertEvent } from './alerts.js';

// How far from what was expected: as a number with its direction, so that nobody needs the colour.
const sigmas = (by) =>
  Number.isFinite(by) && html` <span class="sigmas ${Math.abs(by) >= 3 ? 'far' : ''}" title="Standard deviations of what is usual">${by > 0 ? '▲' : '▼'} ${number(Math.abs(by), 2)} σ</span>`;

const Causes = ({ of }) => html`<ul class="causes">
  ${of.map(
    (c) => html`<li>
      <span class="cause-name">${c.datastream}</span>
      <span class="cause-bar" aria-hidden="true"><span style="width:${100 * Math.max(0.01, Math.min(1, c.share))}%"></span></span>
      <span class="num cause-share">${percent(c.share)}</span>
      <span class="cause-values num"><b>${with_unit(c.value, c.unit)}</b>${Number.isFinite(c.expected) ? html` <span class="muted">expected ${with_unit(c.expected, c.unit)}</span>` : ''}${sigmas(c.deviation)}</span>
    </li>`,
  )}
</ul>`;

function Evidence({ alert, datastreams }) {
  const { series, from, to: end } = alert.evidence;
  if (!series.length) return html`<p class="note">${alert.brief ? 'It was told in brief; the recording comes with the whole.' : 'This alert came without a recording of its window.'}</p>`;
  const order = alert.causes.map((c) => c.datastream);
  const rank = (s) => (order.indexOf(s.datastream) + 1 || 99);
  const marks = [Date.parse(alert.raised)];
  return html`<p class="hint">The dashed line is when the alert was raised.</p>
    <div class="evidence">
    ${[...series].sort((a, b) => rank(a) - rank(b)).map((s) => {
      const known = datastreams.find((d) => d.id === s.datastream);
      const unit = unit_text(known?.unit ?? alert.causes.find((c) => c.datastream === s.datastream)?.unit);
      const name = `${known?.name || s.datastream}${unit ? `, ${unit}` : ''}`;
      return html`<figure key=${s.datastream}><figcaption>${name}</figcaption>
        <${Chart} rows=${s.points.map(([t, v]) => [t, v, v, v])} from=${Date.parse(from)} to=${Date.parse(end)} height=${120} marks=${marks} sync="evidence" label="${name} around the alert" />
      </figure>`;
    })}</div>`;
}

function Similar({ alert }) {
  const of = alert.similar;
  if (!of) return null;
  return html`<${Card} title="It looked like this before">
    <p><a href=${to('sites', alert.site, 'alerts', of.alert)}>${of.title}</a></p>
    <p class="alert-line muted"><span><${Time} at=${of.raised} /></span><span>${percent(of.likeness)} alike</span></p>
    <p class="verdict-line"><b>${of.verdict ? kVerdicts[of.verdict] : 'Nobody judged it yet.'}</b>${of.note && html` <q>${of.note}</q>`}</p>
  <//>`;
}

const kEvents = {
  raise: 'raised it', clear: 'cleared it', acknowledge: 'acknowledged it', shelve: 'shelved it', unshelve: 'took it off the shelf',
  suppress: 'suppressed it', unsuppress: 'ended the suppression', 'out-of-service': 'took it out of service', 'in-service': 'put it back in service', verdict: 'judged it',
};
const Story = ({ events }) => html`<ol class="story">
  ${[...events].reverse().map(
    (e) => html`<li key=${e.id}><span><b>${words(actor(e.actor))}</b> ${kEvents[e.kind] ?? e.kind}${e.verdict && html`: <b>${kVerdicts[e.verdict].toLowerCase()}</b>`}</span> <span class="muted"><${Time} at=${e.time} /></span>
      ${e.comment && html`<q>${e.comment}</q>`}</li>`,
  )}
</ol>`;

// What was behind it: one tap on a phone. The note goes with it.
function Verdict({ alert, changed }) {
  const [note, set_note] = useState('');
  const event = useAlertEvent(alert, changed);
  const judge = async (verdict) => {
    if (await event.run('verdict', { verdict, ...(note.trim() ? { comment: note.trim() } : {}) })) set_note('');
  };
  return html`<${Card} title="What was behind it?" kind="verdict" id="verdict">
    <p class="hint">The next training learns from this: false alarms get fewer, true ones are looked for.</p>
    ${alert.verdict && html`<p class="verdict-line"><b>${kVerdicts[alert.verdict]}</b> <span class="muted">${words(actor(alert.judged_by))}, <${Time} at=${alert.judged} /></span>${alert.note && html`<q>${alert.note}</q>`}</p>`}
    <${Field} label="Note" hint="What was found or done; optional">
      <textarea rows="2" maxlength="1000" value=${note} onInput=${(e) => set_note(e.target.value)}></textarea>
    <//>
    <${Problem} error=${event.error} />
    <div class="verdicts" role="group" aria-label="Verdict">
      ${Object.entries(kVerdicts).map(([key, text]) => html`<button type="button" class="button verdict-button ${key}" disabled=${event.busy} aria-pressed=${alert.verdict === key ? 'true' : 'false'} onClick=${() => judge(key)}>${text}</button>`)}
    </div>
  <//>`;
}

function Actions({ alert, changed }) {
  const [comment, set_comment] = useState('');
  const event = useAlertEvent(alert, changed);
  const act = async (kind, more) => {
    if (await event.run(kind, { ...(comment.trim() ? { comment: comment.trim() } : {}), ...more })) set_comment('');
  };
  const button = (text, kind, more, look = '') => html`<${Button} kind=${look} busy=${event.busy} onClick=${() => act(kind, more)}>${text}<//>`;
  const state = alert.state;
  return html`<${Card} title="What to do" id="actions">
    <${Field} label="Comment" hint="Goes with the next button; optional">
      <textarea rows="2" maxlength="1000" value=${comment} onInput=${(e) => set_comment(e.target.value)}></textarea>
    <//>
    <${Problem} error=${event.error} />
    <div class="buttons">
      ${!alert.acknowledged && button('Acknowledge', 'acknowledge', {}, 'primary')}
      ${state === 'shelved' ? button('Take off the shelf', 'unshelve') : html`${button('Shelve 1 h', 'shelve', { for: '1h' })}${button('Shelve 8 h', 'shelve', { for: '8h' })}`}
      ${state === 'out-of-service' ? button('Back in service', 'in-service') : button('Out of service', 'out-of-service')}
    </div>
  <//>`;
}

const Detail = ({ alert, datastreams, changed }) => html`
  <header class="alert-head ${alert.severity}">
    <h2>${alert.title}</h2>
    <p class="alert-line"><${Severity} of=${alert.severity} /><${AlertState} of=${alert.state} />${alert.state === 'shelved' && html`<span class="muted">until <${Time} at=${alert.shelved_until} /></span>`}<${Brief} of=${alert} /></p>
    ${alert.detail && html`<p>${alert.detail}</p>`}
  </header>
  <div class="columns">
    <div>
      ${alert.causes.length > 0 && html`<${Card} title="What explains it">${alert.since && html`<p class="hint">Rising since <${Time} at=${alert.since} /></p>`}<${Causes} of=${alert.causes} /><//>`}
      <${Similar} alert=${alert} />
      <${Card} title="Evidence"><${Evidence} alert=${alert} datastreams=${datastreams} /><//>
    </div>
    <div>
      ${may('handle_alerts') && html`<${Verdict} alert=${alert} changed=${changed} />`}
      ${may('handle_alerts') && html`<${Actions} alert=${alert} changed=${changed} />`}
      <${Card} title="Facts"><${Facts} of=${[
        ['Asset', alert.asset],
        ['Rising since', alert.since && html`<${Time} at=${alert.since} />`],
        ['Raised', html`<${Time} at=${alert.raised} />`],
        ['Cleared', html`<${Time} at=${alert.cleared} none="still active" />`],
        ['Acknowledged', html`<${Time} at=${alert.acknowledged} none="not yet" />`],
        ['By', actor(alert.acknowledged_by)],
        ['Verdict', alert.verdict && kVerdicts[alert.verdict]],
        ['Score', alert.score !== null && `${number(alert.score)} (limit 1)`],
        ['Rule', html`<code>${alert.rule}</code>`],
        ['Model', alert.model && html`<code title=${alert.model}>${alert.model.slice(0, 19)}…</code>`],
      ]} /><//>
      <${Card} title="Who did what"><${Story} events=${alert.events} /><//>
    </div>
  </div>`;

export function Alert({ site, id }) {
  const alert = useData(path`/sites/${site}/alerts/${id}`, { every: 20000, on: ['alert'] });
  const datastreams = useData(path`/sites/${site}/datastreams`);
  return html`<p><a href=${to('sites', site, 'alerts')}>← All alerts of ${site}</a></p>
    <${Loaded} from=${alert} what="the alert">
      ${(a) => html`<${Detail} alert=${{ ...a, site }} datastreams=${datastreams.data || []} changed=${alert.reload} />`}
    <//>`;
}
