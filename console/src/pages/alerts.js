// Lists of alerts: of all sites, and of one.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { to } from '../core/router.js';
import { may } from '../core/session.js';
import { kVerdicts, percent } from '../core/format.js';
import { Ago, Button, Empty, Loaded, Switch } from '../parts/basics.js';
import { AlertState, Brief, kSeverities, Severity } from '../parts/badges.js';
import { tell } from '../parts/toast.js';

export const kOpen = ['active-unacknowledged', 'active-acknowledged', 'cleared-unacknowledged'];
const kDone = { acknowledge: 'Acknowledged.', shelve: 'Shelved.', unshelve: 'Taken off the shelf.', verdict: 'Thank you: the next training learns from it.' };

// { run(kind, more), busy }: one event of an alert, and a word about it.
export function useAlertEvent(alert, then) {
  const action = useAction((body) => post(path`/sites/${alert.site}/alerts/${alert.id}/events`, body));
  const run = async (kind, more = {}) => {
    const changed = await action.run({ kind, ...more });
    if (changed) tell(kDone[kind] ?? 'Done.');
    then?.();
    return changed;
  };
  return { ...action, run };
}

// Open ones by urgency: active before cleared, worst first; all of them as they came.
const by_urgency = (a, b) => b.active - a.active || kSeverities.indexOf(a.severity) - kSeverities.indexOf(b.severity);

function AlertRow({ alert, with_site, changed }) {
  const event = useAlertEvent(alert, changed);
  const causes = alert.causes.slice(0, 3).filter((c) => c.share > 0.05);
  return html`<li class="alert ${alert.severity} ${alert.active ? 'active' : ''}">
    <div class="alert-main">
      <p class="alert-title"><a href=${to('sites', alert.site, 'alerts', alert.id)}>${alert.title}</a></p>
      <p class="alert-line"><${Severity} of=${alert.severity} /><${AlertState} of=${alert.state} />${alert.verdict && html`<span class="muted">${kVerdicts[alert.verdict]}</span>`}<${Brief} of=${alert} /></p>
      <p class="alert-line muted">
        ${with_site && html`<a href=${to('sites', alert.site)}>${alert.site}</a>`}<span>${alert.asset}</span><span>raised <${Ago} at=${alert.raised} /></span>
        ${alert.cleared && !alert.active && html`<span>cleared <${Ago} at=${alert.cleared} /></span>`}
      </p>
      ${causes.length > 0 && html`<p class="alert-line muted">Explained by ${causes.map((c, i) => `${i ? ', ' : ''}${c.datastream} ${percent(c.share)}`)}</p>`}
      ${event.error && html`<p class="bad-text" role="alert">${event.error.message}</p>`}
    </div>
    ${may('handle_alerts') && kOpen.includes(alert.state) && html`<div class="buttons">
      ${!alert.acknowledged && html`<${Button} kind="small primary" busy=${event.busy} onClick=${() => event.run('acknowledge')}>Acknowledge<//>`}
      <${Button} kind="small" busy=${event.busy} onClick=${() => event.run('shelve', { for: '1h' })}>Shelve 1 h<//>
    </div>`}
  </li>`;
}

export function AlertList({ url, what, with_site }) {
  const [state, set_state] = useState('open');
  const alerts = useData(url, { query: { state, limit: 500 }, every: 15000, on: ['alert'] });
  const side = html`<${Switch} label="Which alerts" value=${state} options=${[['open', 'Open'], ['all', 'All']]} onChange=${set_state} />`;
  return html`
    <div class="bar">${side}</div>
    <${Loaded} from=${alerts} what="the alerts">
      ${(list) =>
        list.length
          ? html`<ul class="alerts">${(state === 'open' ? [...list].sort(by_urgency) : list).map((a) => html`<${AlertRow} key=${a.id} alert=${a} with_site=${with_site} changed=${alerts.reload} />`)}</ul>`
          : html`<${Empty}><b>${state === 'open' ? 'No open alerts' : 'No alerts yet'}</b> ${what}.<//>`}
    <//>`;
}

export const AllAlerts = () => html`
  <div class="page-head"><h1>Alerts</h1></div>
  <${AlertList} url=${path`/alerts`} what="at any site" with_site=${true} />`;
