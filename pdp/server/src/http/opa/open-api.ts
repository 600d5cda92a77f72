import type { OpenApiPart } from '../open-api.ts';

const CHOICE = `        - {$ref: '#/components/parameters/PolicySet'}
        - {$ref: '#/components/parameters/PolicyAtLeast'}
        - {$ref: '#/components/parameters/PolicyWait'}
`;

const PATH = `        - name: path
          in: path
          required: true
          description: Where the document is below data, with slashes. Each part is percent-encoded by itself.
          schema: {type: string}
`;

const flag = (name: string, description: string): string => `        - name: ${name}
          in: query
          description: ${description}
          allowEmptyValue: true
          schema: {type: boolean, default: false}
`;

const PRETTY = flag('pretty', 'Break and indent the answer.');
const FLAGS = `${PRETTY}${flag('provenance', 'Name engine, set and revision in the answer.')}${flag('metrics', 'Tell how long the steps took.')}${flag('instrument', 'The same as metrics.')}${flag('strict-builtin-errors', 'Fail where a built-in fails, instead of taking it for undefined.')}        - name: explain
          in: query
          description: Only notes can be told, and only where no policy takes any; the other modes get 400.
          schema: {type: string, enum: ['off', notes, fails, full, debug], default: 'off'}
`;

const INPUT = `        - name: input
          in: query
          description: The input document.
          content: {application/json: {schema: {}}}
`;

const HEADERS = `          headers:
            Policy-Set: {$ref: '#/components/headers/PolicySet'}
            Policy-Revision: {$ref: '#/components/headers/PolicyRevision'}
            Policy-Digest: {$ref: '#/components/headers/PolicyDigest'}
            Policy-Token: {$ref: '#/components/headers/PolicyToken'}
`;

const ERROR = (status: string, description: string): string =>
  `        '${status}': {description: ${description}, content: {application/json: {schema: {$ref: '#/components/schemas/OpaError'}}}}\n`;

const FAILURES = `${ERROR('400', 'The request is wrong')}${ERROR('404', 'The set does not serve this API')}${ERROR('412', 'The revision that is required is not active')}${ERROR('413', 'The body is too large')}${ERROR('500', 'The evaluation failed')}${ERROR('503', 'There is no policy or no answer can be given now')}`;

const ANSWER = `        '200':
          description: The document. Without a result it is undefined.
${HEADERS}          content: {application/json: {schema: {$ref: '#/components/schemas/OpaAnswer'}}}
${FAILURES}`;

const VALUE = `        '200':
          description: The document itself.
${HEADERS}          content: {application/json: {schema: {}}}
${FAILURES}`;

const body = (schema: string): string => `      requestBody:
        description: May be gzip. Where the content type names YAML it is YAML, else JSON.
        content:
          application/json: {schema: ${schema}}
          application/x-yaml: {schema: ${schema}}
`;

const REQUEST = body(`{$ref: '#/components/schemas/OpaRequest'}`);
const BARE_INPUT = body('{description: The input document.}');

const v1 = (path: string): string => `    get:
      summary: A document, with the input in the query
      parameters:
${path}${INPUT}${FLAGS}${CHOICE}      responses:
${ANSWER}    post:
      summary: A document, with the input in the body
      parameters:
${path}${FLAGS}${CHOICE}${REQUEST}      responses:
${ANSWER}`;

const v0 = (path: string, summary: string): string => `    post:
      summary: ${summary}
      parameters:
${path}${PRETTY}${CHOICE}${BARE_INPUT}      responses:
${VALUE}`;

const unsupported = (summary: string): string => `    get:
      summary: ${summary}
      responses:
${ERROR('501', 'The answer says where to look instead')}`;

/** The description of OPA's API. */
export const OPA_OPEN_API: OpenApiPart = {
  paths: `  /v1/data:
${v1('')}  /v1/data/{path}:
${v1(PATH)}  /v0/data:
${v0('', 'All documents')}  /v0/data/{path}:
${v0(PATH, 'A document without anything around it')}  /:
${v0('', 'The default decision of the set')}  /health:
    get:
      summary: Whether the process answers, as OPA tells it
      parameters:
${flag('bundles', 'Only healthy while policy is served.')}${flag('bundle', 'The same.')}${flag('plugins', 'The same.')}      responses:
        '200': {description: Healthy.}
        '500': {description: Not healthy.}
  /health/{path}:
    get:
      summary: Whether the rule system.health.path is true
      parameters:
${PATH}      responses:
        '200': {description: It is.}
        '500': {description: It is not.}
  /v1/policies:
${unsupported('Policies are not listed')}  /v1/config:
${unsupported('The configuration is not told')}`,
  schemas: `    OpaRequest:
      type: object
      properties: {input: {description: The input document.}}
    OpaAnswer:
      type: object
      required: [decision_id]
      properties:
        decision_id: {type: string, description: Id of the access record.}
        result: {description: The document.}
        provenance: {type: object}
        explanation: {type: array, items: {type: object}}
        metrics: {type: object, additionalProperties: {type: integer}}
        warning: {type: object, properties: {code: {type: string}, message: {type: string}}}
    OpaError:
      type: object
      required: [code, message]
      properties:
        code: {type: string}
        message: {type: string}
        errors:
          type: array
          items:
            type: object
            required: [code, message]
            properties:
              code: {type: string}
              message: {type: string}
              location: {type: object, properties: {file: {type: string}, row: {type: integer}, col: {type: integer}}}
`,
};
