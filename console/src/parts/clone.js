// Two machines that use one site's identity: each undoes what the other tells, until somebody acts.
import { html } from '../core/html.js';
import { path, post } from '../core/api.js';
import { useAction } from '../core/data.js';
import { to } from '../core/router.js';
import { may } from '../core/session.js';
import { Ago, Button, Problem } from './basics.js';
import { tell } from './toast.js';

export function Clone({ site, changed, named }) {
  const resolve = useAction(() => post(path`/sites/${site.site}/clone-resolved`));
  const run = async () => {
    if (await resolve.run()) tell(`Noted: one machine is ${site.site}.`);
    changed?.();
  };
  return site.cloned_since && html`<div class="problem block clone" role="alert">
    <p><b>Two machines use ${named ? html`the identity of <a href=${to('sites', site.site)}>${site.site}</a>` : 'this site’s identity'}</b>, known <${Ago} at=${site.cloned_since} />. One was copied from the other, and what they tell is mixed.</p>
    <p>Find the copy and stop it; enrol it anew, with an empty data folder and a name of its own.</p>
    ${may('operate') && html`<${Button} kind="small danger" busy=${resolve.busy} onClick=${run}>Only one is left<//>`}
    <${Problem} error=${resolve.error} />
  </div>`;
}
