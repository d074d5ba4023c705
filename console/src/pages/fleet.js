import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { to } from '../core/router.js';
import { may } from '../core/session.js';
import { bytes, count, number } from '../core/format.js';
import { Ago, Button, Empty, Loaded, Meter } from '../parts/basics.js';
import { Clone } from '../parts/clone.js';
import { Badge, kSeverities, Presence, Severity, Sync } from '../parts/badges.js';
import { AddSite } from './add_site.js';
import { days_text, kSoonFull } from './store.js';

const kPresence = [
  ['on-time', 'On time'],
  ['late', 'Late'],
  ['silent', 'Silent'],
  ['never', 'Never seen'],
];
const kUrgency = ['silent', 'late', 'on-time', 'never', 'revoked'];

const kFullLoad = 8; // a full bar where a site does not tell how many processors it has

// What needs somebody first stands first.
function by_urgency(a, b) {
  const worst = (site) => (site.worst ? kSeverities.indexOf(site.worst) : 9);
  return !a.cloned_since - !b.cloned_since || worst(a) - worst(b) || kUrgency.indexOf(a.presence) - kUrgency.indexOf(b.presence) || a.site.localeCompare(b.site);
}

export function Vitals({ of }) {
  const v = of || {};
  return html`<div class="vitals">
    <${Meter} label="Load" share=${v.load1 / (v.processors || kFullLoad)} text=${number(v.load1, 2)} warn=${2} bad=${2} />
    <${Meter} label="Memory" share=${v.mem_used / v.mem_total} text=${bytes(v.mem_used)} />
    <${Meter} label="Disk" share=${1 - v.disk_free / v.disk_total} text=${v.disk_total ? `${bytes(v.disk_free)} free` : '–'} warn=${0.8} />
  </div>`;
}

const Identity = ({ of }) => of.cloned_since && html`<${Badge} level="bad" title="Two machines use its identity">Two machines<//>`;

// A store that will soon be full, or has lost something, wants somebody before it does harm.
const StoreState = ({ of }) => {
  const v = of || {};
  if (v.store_damaged > 0) return html`<${Badge} level="bad" title="Some of what it stored cannot be read any more">Store damaged<//>`;
  return v.store_days_left < kSoonFull && html`<${Badge} level="warn" title="At the last day’s rate">Full in ${days_text(v.store_days_left).toLowerCase()}<//>`;
};

function AlertCounts({ site, alerts }) {
  if (!site.open_alerts) return html`<span class="muted">No open alerts</span>`;
  const mine = alerts.filter((a) => a.site === site.site);
  return html`<a class="counts" href=${to('sites', site.site, 'alerts')}>
    ${kSeverities.map((severity) => {
      const n = mine.filter((a) => a.severity === severity).length;
      return n > 0 && html`<${Severity} of=${severity} n=${n} />`;
    })}
    ${mine.length === 0 && html`<span>${count(site.open_alerts, 'open alert')}</span>`}
    ${site.unacknowledged > 0 && html`<span class="muted">${site.unacknowledged} to acknowledge</span>`}
  </a>`;
}

const SiteCard = ({ site, alerts }) => html`
  <li class="card site ${site.presence}">
    <div class="site-head">
      <a class="site-name" href=${to('sites', site.site)}>${site.site}</a>
      <${Presence} of=${site.presence} />
    </div>
    <p class="site-line muted"><span>Last contact <${Ago} at=${site.last_contact} /></span><span>${site.version ? `Version ${site.version}` : 'Version unknown'}</span></p>
    <${Vitals} of=${site.vitals} />
    <div class="site-foot"><${AlertCounts} site=${site} alerts=${alerts} /><${StoreState} of=${site.vitals} /><${Identity} of=${site} />${site.presence !== 'never' && html`<${Sync} site=${site} />`}</div>
    ${site.link_error && html`<p class="hint bad-text">${site.link_error}</p>`}
  </li>`;

const Counter = ({ n, text, level, pressed, onClick }) => html`
  <button type="button" class="counter ${level} ${n ? '' : 'zero'}" aria-pressed=${String(pressed)} onClick=${onClick}><b class="num">${n}</b><span>${text}</span></button>`;

function Sites({ sites, alerts, changed }) {
  const [search, set_search] = useState('');
  const [only, set_only] = useState('');
  const matches = (site) =>
    site.site.toLowerCase().includes(search.trim().toLowerCase()) &&
    (!only || site.presence === only || (only === 'alerts' && site.open_alerts > 0));
  const shown = sites.filter(matches).sort(by_urgency);
  const pick = (key) => () => set_only(only === key ? '' : key);
  return html`
    ${sites.map((site) => html`<${Clone} key=${site.site} site=${site} changed=${changed} named=${true} />`)}
    <div class="counters" role="group" aria-label="Show only">
      ${kPresence.map(([key, text]) => html`<${Counter} n=${sites.filter((s) => s.presence === key).length} text=${text} level=${key} pressed=${only === key} onClick=${pick(key)} />`)}
      <${Counter} n=${sites.filter((s) => s.open_alerts > 0).length} text="With open alerts" level="with-alerts" pressed=${only === 'alerts'} onClick=${pick('alerts')} />
    </div>
    <input class="search" type="search" placeholder="Find a site" aria-label="Find a site" value=${search} onInput=${(e) => set_search(e.target.value)} />
    ${shown.length === 0 && html`<${Empty}>No site matches. <${Button} kind="small" onClick=${() => (set_search(''), set_only(''))}>Show all<//><//>`}
    <ul class="fleet">${shown.map((site) => html`<${SiteCard} key=${site.site} site=${site} alerts=${alerts} />`)}</ul>`;
}

export function Fleet() {
  const [adding, set_adding] = useState(false);
  const sites = useData(path`/sites`, { every: 15000, on: ['site', 'twin', 'alert'] });
  const alerts = useData(path`/alerts`, { query: { state: 'open', limit: 1000 }, every: 30000, on: ['alert'] });
  const add = may('admit') && html`<${Button} kind="primary" onClick=${() => set_adding(true)}>Add a site<//>`;
  return html`
    <div class="page-head"><h1>Fleet</h1>${add}</div>
    <${Loaded} from=${sites} what="the sites">
      ${(list) =>
        list.length
          ? html`<${Sites} sites=${list} alerts=${alerts.data || []} changed=${sites.reload} />`
          : html`<${Empty}><b>No site yet.</b><br />${may('admit') ? 'Add one: you get a token and the command to run on its machine.' : 'An admin can add one.'}<//>`}
    <//>
    ${adding && html`<${AddSite} onClose=${() => (set_adding(false), sites.reload())} />`}`;
}
