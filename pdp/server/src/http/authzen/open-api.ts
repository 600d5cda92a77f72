import type { OpenApiPart } from '../open-api.ts';

const PARAMETERS = `      parameters:
        - {$ref: '#/components/parameters/PolicySet'}
        - {$ref: '#/components/parameters/PolicyAtLeast'}
        - {$ref: '#/components/parameters/PolicyWait'}
        - name: X-Request-ID
          in: header
          description: Sent back with the answer.
          schema: {type: string}
`;

const HEADERS = `          headers:
            Policy-Set: {$ref: '#/components/headers/PolicySet'}
            Policy-Revision: {$ref: '#/components/headers/PolicyRevision'}
            Policy-Digest: {$ref: '#/components/headers/PolicyDigest'}
            Policy-Token: {$ref: '#/components/headers/PolicyToken'}
`;

const FAILURES = `        '400': {$ref: '#/components/responses/Invalid'}
        '404':
          description: The set does not say how it answers AuthZEN.
          content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}
        '412': {$ref: '#/components/responses/NotReached'}
        '413': {$ref: '#/components/responses/TooLarge'}
        '415': {$ref: '#/components/responses/UnsupportedType'}
        '500':
          description: The policy failed, or gave what is no decision. This is not a deny.
          content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}}
        '503': {$ref: '#/components/responses/Unavailable'}
`;

const operation = (path: string, summary: string, request: string, answer: string): string => `  ${path}:
    post:
      summary: ${summary}
${PARAMETERS}      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/${request}'}}}
      responses:
        '200':
          description: The answer. A deny is a 200 too.
${HEADERS}          content: {application/json: {schema: {$ref: '#/components/schemas/${answer}'}}}
${FAILURES}`;

/** The description of the AuthZEN API. */
export const AUTHZEN_OPEN_API: OpenApiPart = {
  paths:
    operation('/access/v1/evaluation', 'Decide one AuthZEN request', 'Evaluation', 'EvaluationAnswer') +
    operation('/access/v1/evaluations', 'Decide several by one revision', 'Evaluations', 'EvaluationsAnswer') +
    operation('/access/v1/search/subject', 'Who may do this to that', 'Search', 'SearchAnswer') +
    operation('/access/v1/search/resource', 'To what may they do this', 'Search', 'SearchAnswer') +
    operation('/access/v1/search/action', 'What may they do to that', 'Search', 'SearchAnswer') +
    `  /.well-known/authzen-configuration:
    get:
      summary: Where the AuthZEN endpoints are
      responses:
        '200': {description: AuthZEN metadata., content: {application/json: {schema: {type: object}}}}
        '400': {$ref: '#/components/responses/Invalid'}
        '404':
          description: No set answers AuthZEN there.
          content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}}
        '503': {$ref: '#/components/responses/Unavailable'}
`,
  schemas: `    Entity:
      type: object
      required: [type, id]
      properties: {type: {type: string}, id: {type: string}, properties: {type: object}}
    Action:
      type: object
      required: [name]
      properties: {name: {type: string}, properties: {type: object}}
    Evaluation:
      type: object
      required: [subject, action, resource]
      properties:
        subject: {$ref: '#/components/schemas/Entity'}
        action: {$ref: '#/components/schemas/Action'}
        resource: {$ref: '#/components/schemas/Entity'}
        context: {type: object}
    Evaluations:
      type: object
      description: The members of an Evaluation stand in for those that an item lacks.
      properties:
        evaluations: {type: array, maxItems: 1000, items: {type: object}}
        options:
          type: object
          properties:
            evaluations_semantic: {type: string, enum: [execute_all, deny_on_first_deny, permit_on_first_permit]}
    EvaluationAnswer:
      type: object
      required: [decision]
      properties: {decision: {type: boolean}, context: {type: object}}
    EvaluationsAnswer:
      type: object
      properties: {evaluations: {type: array, items: {$ref: '#/components/schemas/EvaluationAnswer'}}}
    Search:
      type: object
      description: An Evaluation without the id, or for actions without the action, of what is searched for.
      properties:
        subject: {type: object}
        action: {type: object}
        resource: {type: object}
        context: {type: object}
        page: {type: object, properties: {token: {type: string}, limit: {type: integer, minimum: 0}}}
    SearchAnswer:
      type: object
      required: [results]
      properties:
        results: {type: array, items: {type: object}}
        page: {type: object, properties: {next_token: {type: string}, count: {type: integer}}}
`,
};
