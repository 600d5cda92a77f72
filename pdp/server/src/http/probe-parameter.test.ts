import { expect, test } from '@jest/globals';
import { readProbe } from './probe-parameter.ts';

test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('probe=%s is on', (value) => {
  expect(readProbe(`probe=${value}`)).toStrictEqual({ ok: true, probe: true });
});
test.each(['', 'x=1', 'probe=0', 'probe=f', 'probe=F', 'probe=FALSE', 'probe=false', 'probe=False'])(
  '?%s is off',
  (query) => {
    expect(readProbe(query)).toStrictEqual({ ok: true, probe: false });
  },
);
test.each(['probe', 'probe=', 'probe=no', 'probe=tRuE', 'probe=%20true', 'probe=1&probe=1'])(
  '?%s is refused',
  (query) => {
    expect(readProbe(query).ok).toBe(false);
  },
);
