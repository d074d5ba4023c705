// A row of links of which one is where we are; on a phone it scrolls, that one stays in sight, and an
// end beyond which there are more fades.
import { useEffect, useRef } from 'preact/hooks';
import { html } from '../core/html.js';

// of: [[address, words, key]]
export function Ways({ kind, label, of, current }) {
  const row = useRef();
  const edges = () => {
    const { scrollLeft, clientWidth, scrollWidth, classList } = row.current;
    classList.toggle('more-before', scrollLeft > 4);
    classList.toggle('more-after', scrollLeft + clientWidth < scrollWidth - 4);
  };
  useEffect(() => {
    const here = row.current.querySelector('[aria-current]');
    if (here) row.current.scrollLeft = here.offsetLeft - (row.current.clientWidth - here.offsetWidth) / 2;
    edges();
  }, [current]);
  useEffect(() => {
    addEventListener('resize', edges);
    return () => removeEventListener('resize', edges);
  }, []);
  return html`<nav class=${kind} aria-label=${label} ref=${row} onScroll=${edges}>
    ${of.map(([href, text, key]) => html`<a href=${href} aria-current=${key === current ? 'page' : undefined}>${text}</a>`)}
  </nav>`;
}
