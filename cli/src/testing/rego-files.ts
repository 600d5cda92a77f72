/** A PolicyDomain with one policy, which answers without looking at much. */
export const aDomainFile = `apiVersion: iamlite.manetu.io/v1beta1
kind: PolicyDomain
metadata:
  name: shop
spec:
  policies:
    - mrn: mrn:iam:policy:buyers
      name: buyers
      rego: |
        package authz
        default allow = false
        allow { input.operation == "shop:buy" }
`;
