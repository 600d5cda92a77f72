import { expect, test } from '@jest/globals';
import { explainTlsProblem, tlsProblemOf } from './tls-problem.ts';

test.each([
  ['CERT_HAS_EXPIRED', 'CertificateExpired', 'clock'],
  ['CERT_NOT_YET_VALID', 'CertificateNotYetValid', 'clock'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'UntrustedAuthority', 'ConfigMap'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'WrongName', 'address'],
])('%s is told as %s, with what to do', (code, problem, advice) => {
  const found = tlsProblemOf(code);
  expect(found).toBe(problem);
  const reason = explainTlsProblem('said by Node', found);
  expect(reason).toContain(`${problem}: said by Node; `);
  expect(reason).toContain(advice);
});

test.each([['ECONNREFUSED'], [undefined]])('%s is about something else', (code) => {
  expect(tlsProblemOf(code)).toBeUndefined();
  expect(explainTlsProblem('refused', undefined)).toBe('refused');
});
