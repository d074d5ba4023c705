// "Acknowledged." for a moment, also for who listens.
import { signal } from '@preact/signals';
import { html } from '../core/html.js';

const shown = signal(null);
let timer = 0;

export function tell(text, kind = '') {
  clearTimeout(timer);
  shown.value = { text, kind };
  timer = setTimeout(() => (shown.value = null), kind === 'bad' ? 9000 : 4000);
}

export const Toast = () => html`
  <div class="toast-place" role="status" aria-live="polite">
    ${shown.value && html`<p class="toast ${shown.value.kind}">${shown.value.text}</p>`}
  </div>`;
