// What the sources see and nobody has declared yet.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { useData } from '../core/data.js';
import { may } from '../core/session.js';
import { number, unit_text, words } from '../core/format.js';
import { Button, Card, Empty, Loaded, Switch } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';
import { Declare } from './declare.js';

const rate = (hz) => (hz >= 0.95 ? `${number(hz, 2)} a second` : hz > 0 ? `every ${number(1 / hz, 2)} s` : '');

export const example = (c) => (c.kind === 'number' || c.kind === 'integer' ? number(Number(c.example), 5) : c.example);

const Rows = ({ list, pick }) => html`<ul class="candidates">
  ${list.map(
    (c) => html`<li key=${c.address}>
      <div class="candidate-main">
        <code>${c.address}</code>
        <p class="alert-line muted"><span class="num">${example(c)} ${c.suggested_unit && c.suggested_unit !== '1' ? unit_text(c.suggested_unit) : ''}</span>${c.suggested_property && html`<span>perhaps ${words(c.suggested_property).toLowerCase()}</span>`}<span>${rate(c.rate_hz)}</span></p>
      </div>
      ${c.declared
        ? html`<${Badge} level="ok">${c.datastream || 'Declared'}<//>`
        : may('operate') && html`<${Button} kind="small" aria-label="Declare ${c.address}" onClick=${() => pick(c)}>Declare …<//>`}
    </li>`,
  )}
</ul>`;

export function Candidates({ site }) {
  const [which, set_which] = useState('new');
  const [picked, set_picked] = useState(null);
  const candidates = useData(path`/sites/${site}/candidates`, { every: 10000 });
  return html`
    <div class="bar">
      <${Switch} label="Which" value=${which} options=${[['new', 'Not declared'], ['all', 'All']]} onChange=${set_which} />
      <p class="note">What the sources see. Declare what matters: give it an asset, a meaning and a unit.</p>
    </div>
    <${Loaded} from=${candidates} what="what the sources see">
      ${(list) => {
        const shown = list.filter((c) => which === 'all' || !c.declared);
        if (!shown.length) return html`<${Empty}>${list.length ? 'All that the sources see is declared.' : 'The sources have seen nothing yet, or there is no source: add one in the configuration.'}<//>`;
        const sources = [...new Set(shown.map((c) => c.source))];
        return sources.map((source) => html`<${Card} key=${source} title="Source ${source}"><${Rows} list=${shown.filter((c) => c.source === source)} pick=${set_picked} /><//>`);
      }}
    <//>
    ${picked && html`<${Declare} site=${site} candidate=${picked} onClose=${() => set_picked(null)} done=${candidates.reload} />`}`;
}
