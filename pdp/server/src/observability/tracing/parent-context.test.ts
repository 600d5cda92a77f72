import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { expect, test } from '@jest/globals';
import { parentContext } from './parent-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

test.each([
  ['sampled', `00-${TRACE}-${PARENT}-01`, 1],
  ['not sampled', `00-${TRACE}-${PARENT}-00`, 0],
  ['flags of later versions', `00-${TRACE}-${PARENT}-ff`, 1],
  ['a later version with more parts', `cc-${TRACE}-${PARENT}-01-what-the-future-will-be`, 1],
])('%s', (_what, text, traceFlags) => {
  expect(trace.getSpanContext(parentContext(text))).toStrictEqual({
    traceId: TRACE,
    spanId: PARENT,
    traceFlags,
    isRemote: true,
  });
});

test.each([
  ['none', undefined],
  ['empty', ''],
  ['upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
  ['the version that is none', `ff-${TRACE}-${PARENT}-01`],
  ['more parts than version 00 has', `00-${TRACE}-${PARENT}-01-more`],
  ['a trace of zeroes', `00-${'0'.repeat(32)}-${PARENT}-01`],
  ['a parent of zeroes', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['too short', `00-${TRACE}-${PARENT.slice(1)}-01`],
  ['two of them', `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
])('begins a trace of its own: %s', (_what, text) => {
  expect(parentContext(text)).toBe(ROOT_CONTEXT);
});
