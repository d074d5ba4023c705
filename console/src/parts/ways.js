// A row of links of which one is where we are; on a phone it scrolls, and that one stays in sight.
import { useEffect, useRef } from 'preact/hooks';
import { html } from '../core/html.js';

// of: [[address, words, key]]
export function Ways({ kind, label, of, current }) {
  const row = useRef();
  useEffect(() => {
    const here = row.current.querySelector('[aria-current]');
    if (here) row.current.scrollLeft = here.offsetLeft - (row.current.clientWidth - here.offsetWidth) / 2;
  }, [current]);
  return html`<nav class=${kind} aria-label=${label} ref=${row}>
    ${of.map(([href, text, key]) => html`<a href=${href} aria-current=${key === current ? 'page' : undefined}>${text}</a>`)}
  </nav>`;
}
