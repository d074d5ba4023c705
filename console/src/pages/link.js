// The way to the hub, as the site sees it: what waits, what went, what never goes.
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { duration, number } from '../core/format.js';
import { Ago, Card, Empty, Facts, Loaded } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';

const kLanes = { alert: 'Alerts', state: 'State', summary: 'Summaries', bulk: 'Raw values' };
const kUplink = { never: ['off', 'Never: it stays here'], summary: ['info', 'Minute summaries'], raw: ['info', 'Every value'] };

function state_of(link) {
  if (link.enrolled === false) return html`<${Badge} level="off">Not enrolled<//>`;
  return link.connected ? html`<${Badge} level="ok">Connected<//>` : html`<${Badge} level="warn">Not connected<//>`;
}

const clock_text = (us) => (Math.abs(us) < 1000 ? 'agrees with the best known time' : `${number(us / 1e6, 3)} s behind the best known time`);

const Lanes = ({ of }) => html`<table class="lanes">
  <thead><tr><th>Lane</th><th class="right">Waiting</th><th>Oldest</th></tr></thead>
  <tbody>${of.map((lane) => html`<tr key=${lane.lane}><th scope="row">${kLanes[lane.lane] ?? lane.lane}</th><td class="right num">${number(lane.waiting)}</td><td>${lane.waiting ? html`<${Ago} at=${lane.oldest} none="–" />` : '–'}</td></tr>`)}</tbody>
</table>`;

const Audit = ({ of }) => html`<div class="scroll" tabindex="0" role="region" aria-label="What left the site"><table class="stacked">
  <thead><tr><th>Datastream</th><th>May leave as</th><th class="right">Stored here</th><th class="right">Values sent</th><th class="right">Summaries sent</th></tr></thead>
  <tbody>${of.map((d) => {
    const [level, text] = kUplink[d.uplink] ?? ['off', d.uplink];
    return html`<tr key=${d.datastream}><th scope="row"><code>${d.datastream}</code></th><td data-label="May leave as"><${Badge} level=${level}>${text}<//></td>
      <td class="right num" data-label="Stored here">${number(d.observations_stored)}</td><td class="right num" data-label="Values sent">${number(d.raw_sent)}</td><td class="right num" data-label="Summaries sent">${number(d.summaries_sent)}</td></tr>`;
  })}</tbody>
</table></div>`;

export function Link({ site }) {
  const link = useData(path`/sites/${site}/link`, { every: 5000 });
  const audit = useData(path`/sites/${site}/link/audit`, { every: 30000 });
  return html`
    <${Card} kind="link-state" title="Link to the hub" side=${link.data && state_of(link.data)}>
      <${Loaded} from=${link} what="the link">
        ${(l) => html`
          ${l.reason && html`<p class="note">${l.reason}</p>`}
          <${Facts} of=${[
            ['Hub', l.hub || undefined],
            ['Carrier', l.carrier || undefined],
            ['Last contact', html`<${Ago} at=${l.last_contact} />`],
            ['Next try', l.enrolled && !l.connected ? `in ${duration(l.next_try_s)}` : undefined],
            ['Clock', clock_text(l.clock_offset_us)],
          ]} />
          <${Lanes} of=${l.lanes} />`}
      <//>
    <//>
    <${Card} title="What left the site">
      <${Loaded} from=${audit} what="the audit">${(list) => (list.length ? html`<${Audit} of=${list} />` : html`<${Empty}>No datastreams yet.<//>`)}<//>
    <//>`;
}
