import { expect, test } from '@jest/globals';
import { policyFingerprint, indexDomains, renderBundle, type DomainModel } from '@edict/bundle';
import { craneDomain, craneDomainWithRego, liftRequest } from '../testing/revisions.ts';
import { KEPT_REVISIONS, PolicyRuleFinder, type BundleFiles, type RulesQuestion } from './explain-policies.ts';
import { MAX_RULES, MAX_VALUE_LENGTH, type RuleExplanation } from './rule-explanation.ts';

const LIFT = 'mrn:harbour:policy:lift';

function bundlesOf(...domains: readonly DomainModel[]): BundleFiles {
  return domains.map((domain) => renderBundle(domain));
}

function asked(domain: DomainModel, change: Partial<RulesQuestion> = {}): RulesQuestion {
  const fingerprint = policyFingerprint(indexDomains([domain]), { domain: domain.name, mrn: LIFT });
  return {
    digest: 'sha256:1',
    input: JSON.stringify(liftRequest(5)),
    nowMs: Date.UTC(2026, 0, 2),
    maxSteps: 100_000,
    policies: [{ mrn: LIFT, fingerprint }],
    ...change,
  };
}

/** What is told of the operators' policy, of which only the rules matter here. */
function explained(rego: string, change: Partial<RulesQuestion> = {}) {
  const domain = craneDomainWithRego(`package authz\n\n${rego}\n`);
  const found = new PolicyRuleFinder().find(asked(domain, change), bundlesOf(domain));
  if (found.kind !== 'found') throw new Error('bundles are wanted');
  const [policy] = found.policies;
  if (policy === undefined) throw new Error('no policy is told of');
  return policy;
}

function rules(rego: string): RuleExplanation {
  const policy = explained(rego);
  if (!policy.ok) throw new Error(policy.reason);
  return policy.rules;
}

const named = ({ decided, failed }: RuleExplanation) => ({
  decided: decided.map(({ rule, line, isDefault }) => `${rule}:${line}${isDefault === true ? ' default' : ''}`),
  failed: failed.map(({ rule, line, at }) => `${rule}:${line}${at === undefined ? '' : ` at ${at.text}`}`),
});

test.each<readonly [string, string, readonly string[], readonly string[]]>([
  [
    'the rule that holds, beside one that does not',
    'default allow = false\nallow { input.context.tons > 9 }\nallow { input.context.tons < 9 }',
    ['data.authz.allow:5'],
    ['data.authz.allow:4 at input.context.tons > 9'],
  ],
  [
    'the default where no rule holds',
    'default allow = false\nallow { input.context.tons > 9 }',
    ['data.authz.allow:3 default'],
    ['data.authz.allow:4 at input.context.tons > 9'],
  ],
  [
    'what the rule asks for, at the depth of two',
    'allow { crew }\ncrew { roles["mrn:harbour:role:operator"] }\nroles[r] { r := input.principal.mroles[_] }',
    ['data.authz.allow:3', 'data.authz.crew:4', 'data.authz.roles:5'],
    [],
  ],
  [
    'why what the rule asks for does not hold',
    'allow { heavy }\nheavy { input.context.tons > 9 }',
    [],
    ['data.authz.allow:3 at heavy', 'data.authz.heavy:4 at input.context.tons > 9'],
  ],
  [
    'a rule that is denied by name',
    'allow { not heavy }\nheavy { input.context.tons > 9 }',
    ['data.authz.allow:3'],
    ['data.authz.heavy:4 at input.context.tons > 9'],
  ],
  [
    'a function that holds for one argument, once and as one that held',
    'allow { fits([1, 9][_]) }\nfits(x) { x > input.context.tons }',
    ['data.authz.allow:3', 'data.authz.fits:4'],
    [],
  ],
  [
    'the else that answers',
    'allow { input.context.tons > 9 } else = true { input.context.tons > 4 }',
    ['data.authz.allow:3'],
    ['data.authz.allow:3 at input.context.tons > 9'],
  ],
])('it names %s', (_name, rego, decided, failed) => {
  expect(named(rules(rego))).toStrictEqual({ decided, failed });
});

test('it tells where a rule stands and what it gave', () => {
  const { decided } = rules('allow { limit > input.context.tons }\n\nlimit = 7 { true }');
  const module = LIFT;
  expect(decided).toStrictEqual([
    { rule: 'data.authz.allow', module, line: 3, column: 1, value: true },
    { rule: 'data.authz.limit', module, line: 5, column: 1, value: 7 },
  ]);
});

test('rules of libraries carry the name of the library', () => {
  const base = craneDomainWithRego('package authz\n\nimport data.loads\n\nallow { loads.fine }\n');
  const library = {
    mrn: 'lib:loads',
    name: '',
    description: '',
    rego: 'package loads\n\nfine { true }\n',
    dependencies: [],
  };
  const policies = base.policies.map((policy) =>
    policy.mrn === LIFT ? { ...policy, dependencies: ['lib:loads'] } : policy,
  );
  const domain = { ...base, policies, libraries: [library] };
  const found = new PolicyRuleFinder().find(asked(domain), bundlesOf(domain));
  expect(found).toMatchObject({
    policies: [{ rules: { decided: [{ module: LIFT }, { rule: 'data.loads.fine', module: 'lib:loads', line: 3 }] } }],
  });
});

test('rules and values are bounded', () => {
  const many = Array.from({ length: MAX_RULES + 5 }, (_, n) => `allow { input.context.tons == ${n + 100} }`).join('\n');
  const { failed, truncated } = rules(`default allow = false\n${many}`);
  expect([failed.length, truncated]).toStrictEqual([MAX_RULES, true]);
  const { decided } = rules(`allow { count(long) > 1 }\nlong = "${'x'.repeat(MAX_VALUE_LENGTH)}" { true }`);
  expect(decided.map((rule) => 'value' in rule)).toStrictEqual([true, false]);
});

test('the time is that of the decision', () => {
  const rego = 'allow { time.now_ns() == time.parse_rfc3339_ns("2026-01-02T00:00:00Z") }';
  expect(explained(rego)).toMatchObject({ ok: true, answer: 'true' });
});

test.each<readonly [string, string, Partial<RulesQuestion>, string]>([
  ['takes too many steps', 'allow { count([x | x := numbers.range(1, 5000)[_]]) > 1 }', { maxSteps: 100 }, 'steps'],
  ['has an input that is none', 'allow = true', { input: '{' }, 'the input of the policies cannot be read'],
  [
    'is not the one that decided',
    'allow = true',
    { policies: [{ mrn: LIFT, fingerprint: 'other' }] },
    'not in the bundles',
  ],
])('a policy that %s is said to be so', (_name, rego, change, reason) => {
  expect(explained(rego, change)).toStrictEqual({ ok: false, reason: expect.stringContaining(reason) });
});

test('the network is not asked again', () => {
  const policy = explained('allow { http.send({"method": "get", "url": "http://x"}).status_code == 200 }');
  expect(policy).toStrictEqual({ ok: false, reason: expect.stringContaining('network') });
});

test('bundles are wanted once for each of the last revisions; damaged ones are refused', () => {
  const domain = craneDomain(5);
  const finder = new PolicyRuleFinder();
  const ask = (digest: string, bundles?: BundleFiles) => finder.find(asked(domain, { digest }), bundles).kind;
  expect(ask('a')).toBe('bundles-wanted');
  expect([ask('a', bundlesOf(domain)), ask('a')]).toStrictEqual(['found', 'found']);
  for (let n = 0; n < KEPT_REVISIONS; n++) expect(ask(`other ${n}`, bundlesOf(domain))).toBe('found');
  expect(ask('a')).toBe('bundles-wanted');
  const [bundle] = bundlesOf(domain);
  if (bundle === undefined) throw new Error('no bundle');
  const damaged = [{ digest: bundle.digest, gzip: bundle.gzip.slice(0, -9) }];
  expect(finder.find(asked(domain, { digest: 'b' }), damaged)).toMatchObject({ policies: [{ ok: false }] });
  expect(ask('b')).toBe('bundles-wanted');
});
