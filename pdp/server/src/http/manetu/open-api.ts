import type { OpenApiPart } from '../open-api.ts';

const PARAMETERS = `        - name: probe
          in: query
          description: Decide without an access record.
          schema: {type: boolean, default: false}
        - name: explain
          in: query
          description: Say phase by phase which policies were asked, what they said, and which of their rules made them.
          schema: {type: boolean, default: false}
        - {$ref: '#/components/parameters/PolicySet'}
        - {$ref: '#/components/parameters/PolicyAtLeast'}
        - {$ref: '#/components/parameters/PolicyWait'}
`;

const HEADERS = `          headers:
            Policy-Set: {$ref: '#/components/headers/PolicySet'}
            Policy-Revision: {$ref: '#/components/headers/PolicyRevision'}
            Policy-Digest: {$ref: '#/components/headers/PolicyDigest'}
            Policy-Token: {$ref: '#/components/headers/PolicyToken'}
`;

const FAILURES = `        '400': {$ref: '#/components/responses/Invalid'}
        '412': {$ref: '#/components/responses/NotReached'}
        '413': {$ref: '#/components/responses/TooLarge'}
        '415': {$ref: '#/components/responses/UnsupportedType'}
        '503': {$ref: '#/components/responses/Unavailable'}
`;

const METHODS = `    options:
      summary: The methods of this path
      responses: {'204': {description: In the Allow header.}}
`;

/** The description of the Manetu API. */
export const MANETU_OPEN_API: OpenApiPart = {
  paths: `  /decision:
    post:
      summary: Decide one PORC
      parameters:
${PARAMETERS}      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Porc'}
      responses:
        '200':
          description: The decision. A DENY is a 200 too.
${HEADERS}          content:
            application/json:
              schema: {$ref: '#/components/schemas/Decision'}
${FAILURES}${METHODS}  /decisions:
    post:
      summary: Decide many PORCs by one revision
      parameters:
${PARAMETERS}      requestBody:
        required: true
        content:
          application/json:
            schema:
              oneOf:
                - {type: array, items: {$ref: '#/components/schemas/Porc'}}
                - type: object
                  required: [porcs]
                  properties: {porcs: {type: array, items: {$ref: '#/components/schemas/Porc'}}}
      responses:
        '200':
          description: One answer for each PORC, in their order.
${HEADERS}          content:
            application/json:
              schema:
                type: object
                required: [decisions]
                properties:
                  decisions:
                    type: array
                    items:
                      oneOf:
                        - {$ref: '#/components/schemas/Decision'}
                        - {$ref: '#/components/schemas/Undecided'}
${FAILURES}${METHODS}`,
  schemas: `    Porc:
      type: object
      properties:
        principal: {type: object}
        operation: {type: string}
        resource: {type: [string, object]}
        context: {type: object}
    Decision:
      type: object
      required: [allow]
      properties:
        allow: {type: boolean}
        explain: {$ref: '#/components/schemas/Explanation'}
    Undecided:
      type: object
      description: There is no decision about this item. This is not a deny.
      required: [message]
      not: {required: [allow]}
      properties:
        message: {type: string}
        problem: {type: string, description: The name of a problem.}
    Verdict: {type: string, enum: [GRANT, DENY]}
    Phase: {type: string, enum: [SYSTEM, IDENTITY, RESOURCE, SCOPE]}
    Explanation:
      type: object
      required: [decision, decidedBy, durationNs, phases]
      properties:
        decision: {$ref: '#/components/schemas/Verdict'}
        decidedBy:
          type: array
          description: The phases that made the decision; SYSTEM alone where the policy of the operation did.
          items: {$ref: '#/components/schemas/Phase'}
        override: {type: string, description: Why the policy of the operation decided alone.}
        recordId: {type: string, description: Id of the access record. A probe has none.}
        durationNs: {type: integer}
        phases:
          type: array
          items:
            type: object
            required: [phase, decision, references]
            properties:
              phase: {$ref: '#/components/schemas/Phase'}
              decision: {$ref: '#/components/schemas/Verdict'}
              durationNs: {type: integer}
              references:
                type: array
                items:
                  type: object
                  required: [id, decision, reasonCode, durationNs]
                  properties:
                    id: {type: string, description: 'The operation, role, group, resource group, resource or scope.'}
                    policy:
                      type: object
                      required: [mrn, fingerprint]
                      properties: {mrn: {type: string}, fingerprint: {type: string}}
                    decision: {$ref: '#/components/schemas/Verdict'}
                    reasonCode: {type: string}
                    reason: {type: string}
                    durationNs: {type: integer}
                    rules: {$ref: '#/components/schemas/ExplainedRules'}
                    rulesUnavailable: {type: string, description: Why rules cannot be told.}
    ExplainedRules:
      type: object
      required: [decided, failed]
      properties:
        decided:
          type: array
          description: The rules that the answer rests on. Of a batch, the first 16 decisions have them.
          items: {$ref: '#/components/schemas/ExplainedRule'}
        failed:
          type: array
          description: Rules that were tried and did not hold.
          items: {$ref: '#/components/schemas/ExplainedRule'}
        truncated: {type: boolean, description: There were more.}
    ExplainedRule:
      type: object
      required: [rule, module, line, column]
      properties:
        rule: {type: string}
        module: {type: string, description: The MRN of the policy or library.}
        line: {type: integer}
        column: {type: integer}
        isDefault: {type: boolean}
        value: {description: What the rule gave.}
        at:
          type: object
          description: The literal that a rule did not get beyond.
          required: [line, column, text]
          properties: {line: {type: integer}, column: {type: integer}, text: {type: string}}
`,
};
