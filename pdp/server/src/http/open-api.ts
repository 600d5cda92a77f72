/** The OpenAPI 3.1 description of the HTTP API, served at `/openapi.yaml`. */
export const OPEN_API = `openapi: 3.1.0
info:
  title: Edict policy decision point
  version: 0.1.0
  description: Decisions over HTTP. Every decision names the policy revision that made it.
paths:
  /decision:
    post:
      summary: Decide one PORC
      parameters:
        - name: probe
          in: query
          description: Decide without an access record.
          schema: {type: boolean, default: false}
        - name: Policy-Set
          in: header
          description: The set to ask (namespace/name); needed only where the PDP serves several.
          schema: {type: string}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                principal: {type: object}
                operation: {type: string}
                resource: {type: [string, object]}
                context: {type: object}
      responses:
        '200':
          description: The decision. A DENY is a 200 too.
          headers:
            Policy-Set: {schema: {type: string}}
            Policy-Revision: {schema: {type: integer}}
            Policy-Digest: {schema: {type: string}}
          content:
            application/json:
              schema:
                type: object
                required: [allow]
                properties: {allow: {type: boolean}}
        '400': {description: 'The body is not a PORC, a parameter is wrong, or several sets are served and none is named.', content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}, application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}}
        '413': {description: The body is too large., content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}}}
        '415': {description: The content type is not taken., content: {application/json: {schema: {$ref: '#/components/schemas/Message'}}}}
        '503': {description: 'There is no policy, or no decision can be given now. This is not a deny.', content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}}
  /healthz:
    get: {summary: The process lives, responses: {'200': {description: It does.}}}
  /readyz:
    get:
      summary: An active policy is there
      responses: {'200': {description: Decisions are given.}, '503': {description: No active policy or draining., content: {application/problem+json: {schema: {$ref: '#/components/schemas/Problem'}}}}}
  /v1/status:
    get: {summary: What is active and staged, responses: {'200': {description: Status., content: {application/json: {schema: {type: object}}}}}}
  /metrics:
    get: {summary: Prometheus metrics, responses: {'200': {description: Metrics., content: {text/plain: {schema: {type: string}}}}}}
components:
  schemas:
    Message: {type: object, properties: {message: {type: string}}}
    Problem:
      type: object
      properties: {type: {type: string}, title: {type: string}, status: {type: integer}, detail: {type: string}}
`;
