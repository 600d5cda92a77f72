import { expect, test } from '@jest/globals';
import { readFlags } from './flag-parameter.ts';

test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('probe=%s is on', (value) => {
  expect(readFlags(`probe=${value}`)).toStrictEqual({ ok: true, flags: { probe: true, explain: false } });
});
test.each(['', 'x=1', 'probe=0', 'probe=f', 'probe=F', 'probe=FALSE', 'probe=false', 'probe=False'])(
  '?%s is off',
  (query) => {
    expect(readFlags(query)).toStrictEqual({ ok: true, flags: { probe: false, explain: false } });
  },
);
test.each(['probe', 'probe=', 'probe=no', 'probe=tRuE', 'probe=%20true', 'probe=1&probe=1'])(
  '?%s is refused',
  (query) => {
    expect(readFlags(query)).toMatchObject({ ok: false, message: expect.stringContaining('probe') as unknown });
  },
);
test('explain is read by the same rules', () => {
  expect(readFlags('explain=1&probe=t')).toStrictEqual({ ok: true, flags: { probe: true, explain: true } });
  expect(readFlags('explain=yes')).toMatchObject({ ok: false, message: expect.stringContaining('explain') as unknown });
});
