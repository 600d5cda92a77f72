import type { JSX } from 'preact';
import type { Tone, Wording } from '../words.ts';

/** One shape for each tone, so that no state is told by its colour alone. */
const SHAPES: Readonly<Record<Tone, JSX.Element>> = {
  good: <path d="M6 .5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zm2.6 3.2L5.2 7.1 3.5 5.5l-.9 1 2.6 2.5 4.3-4.3z" />,
  busy: <path d="M6 .5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zm0 1.6v7.8a3.9 3.9 0 0 0 0-7.8z" />,
  warn: <path d="M6 .4 11.8 11H.2zM5.3 4v3.6h1.4V4zm0 4.4v1.4h1.4V8.4z" />,
  bad: (
    <path d="M3.6.5h4.8l3.1 3.1v4.8l-3.1 3.1H3.6L.5 8.4V3.6zm.3 2.4-1 1L5 6 2.9 8.1l1 1L6 7l2.1 2.1 1-1L7 6l2.1-2.1-1-1L6 5z" />
  ),
  idle: <path d="M6 .5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zm0 1.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8z" />,
};

/** The shape alone, where words stand beside it anyway. */
export function Shape({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <svg viewBox="0 0 12 12" aria-hidden="true" fill="currentColor" fill-rule="evenodd">
      {SHAPES[tone]}
    </svg>
  );
}

/** A state: shape and words. */
export function State({ tone, text }: Wording): JSX.Element {
  return (
    <span class={`state ${tone}`}>
      <Shape tone={tone} />
      <span>{text}</span>
    </span>
  );
}
