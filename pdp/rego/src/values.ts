/** What the packages of this repository use of values at their edges; no part of the public API. */
export { baseIndex } from './runtime/documents.ts';
export { getIndex } from './runtime/value.ts';
export { numberFromBigInt, numberFromText, RegoNumber } from './runtime/number.ts';
export { parseJson, parseJsonBytes, stringify, toJson } from './runtime/json.ts';
