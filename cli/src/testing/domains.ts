/** A domain whose one policy decides everything in the operation phase by `rule`. */
export function domainYaml(rule = 'allow := 1 if input.principal.sub == "ann"', name = 'shop'): string {
  return `apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata:
  name: ${name}
spec:
  policies:
    - mrn: "mrn:iam:policy:gate"
      name: gate
      rego: |
        package authz
        import rego.v1
        default allow := -1
        ${rule}
  operations:
    - name: all
      selector: [".*"]
      policy: "mrn:iam:policy:gate"
`;
}

/** A domain of mappers, given as `porc` rules in package mapper, besides the policy of {@link domainYaml}. */
export function mapperDomainYaml(rules: readonly string[], name = 'shop'): string {
  const mappers = rules.map(
    (rule, i) => `    - name: mapper-${i + 1}
      selector: [".*"]
      rego: |
        package mapper
        import rego.v1
        ${rule}
`,
  );
  return `${domainYaml(undefined, name)}  mappers:\n${mappers.join('')}`;
}

/** The same domain as {@link domainYaml}, its Rego in a file of its own. */
export function referenceYaml(regoFile: string): string {
  return `apiVersion: edict.dev/v1beta1
kind: PolicyDomainReference
metadata:
  name: shop # kept
spec:
  policies:
    - mrn: "mrn:iam:policy:gate"
      name: gate
      rego_filename: ${regoFile}
  operations:
    - name: all
      selector: [".*"]
      policy: "mrn:iam:policy:gate"
`;
}

/** The Rego of {@link domainYaml}. */
export const GATE_REGO = `package authz
import rego.v1
default allow := -1
allow := 1 if input.principal.sub == "ann"
`;
