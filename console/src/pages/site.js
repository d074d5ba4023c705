// One site: the frame, its state, and the tabs.
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { to } from '../core/router.js';
import { on_hub } from '../core/session.js';
import { bytes, count, duration, number } from '../core/format.js';
import { Ago, Empty, Loading, Problem } from '../parts/basics.js';
import { Presence, Severity, Sync } from '../parts/badges.js';
import { Clone } from '../parts/clone.js';
import { Ways } from '../parts/ways.js';
import { Alert } from './alert.js';
import { AlertList } from './alerts.js';
import { Candidates } from './candidates.js';
import { Config } from './config.js';
import { Vitals } from './fleet.js';
import { Link } from './link.js';
import { Models } from './models.js';
import { Signals } from './signals.js';
import { Store } from './store.js';

// The hub knows neither a site's sources nor the site's view of the link.
export const kSiteWays = (hub) => [
  ['signals', 'Signals'],
  ['alerts', 'Alerts'],
  ['config', 'Configuration'],
  ['models', 'Models'],
  ['store', 'Store'],
  ...(hub ? [] : [['link', 'Link'], ['discover', 'Discover']]),
];

function Head({ site, changed }) {
  const v = site.vitals || {};
  return html`
    <${Clone} site=${site} changed=${changed} />
    <div class="site-state">
      ${on_hub() && html`<${Presence} of=${site.presence} />`}<${Sync} site=${site} />
      <a class="counts" href=${to('sites', site.site, 'alerts')}>
        ${site.open_alerts ? html`${site.worst && html`<${Severity} of=${site.worst} />`} ${count(site.open_alerts, 'open alert')}` : 'No open alerts'}
      </a>
      ${on_hub() && html`<span class="muted">Last contact <${Ago} at=${site.last_contact} /></span>`}
      <span class="muted">Version ${site.version || 'unknown'}</span>
      ${v.uptime_s > 0 && html`<span class="muted">Up ${duration(v.uptime_s)}</span>`}
      ${v.backlog > 0 && html`<span class="muted" title="Items that wait for the link">${number(v.backlog)} waiting to be sent</span>`}
      ${v.pss_bytes > 0 && html`<span class="muted" title="Memory of lander-site itself">Program ${bytes(v.pss_bytes)}</span>`}
    </div>
    <${Vitals} of=${site.vitals} />
    ${site.link_error && html`<p class="problem">${site.link_error}</p>`}`;
}

function Tab({ site, tab, item }) {
  if (tab === 'signals') return html`<${Signals} site=${site} only=${item} />`;
  if (tab === 'alerts' && item) return html`<${Alert} site=${site} id=${item} />`;
  if (tab === 'alerts') return html`<${AlertList} url=${path`/sites/${site}/alerts`} what="at this site" />`;
  if (tab === 'config') return html`<${Config} site=${site} />`;
  if (tab === 'models') return html`<${Models} site=${site} />`;
  if (tab === 'store') return html`<${Store} site=${site} />`;
  if (tab === 'link' && !on_hub()) return html`<${Link} site=${site} />`;
  if (tab === 'discover' && !on_hub()) return html`<${Candidates} site=${site} />`;
  return html`<${Empty}>There is no such page.<//>`;
}

export function Site({ site, tab = 'signals', item }) {
  const state = useData(path`/sites/${site}`, { every: 10000, on: ['site', 'twin', 'alert'] });
  if (state.error?.status === 404) return html`<${Empty}>${state.error.message}<br /><a href="#/">To the start</a><//>`;
  return html`
    <div class="page-head"><h1>${on_hub() && html`<a class="crumb" href="#/">Fleet</a> `}${site}</h1></div>
    <div class="site-top"><${Problem} error=${state.error} retry=${state.reload} />${state.data ? html`<${Head} site=${state.data} changed=${state.reload} />` : html`<${Loading} what="the site" />`}</div>
    ${on_hub() && html`<${Ways} kind="tabs" label="Of this site" of=${kSiteWays(true).map(([key, text]) => [to('sites', site, key), text, key])} current=${tab} />`}
    <${Tab} site=${site} tab=${tab} item=${item} />`;
}
