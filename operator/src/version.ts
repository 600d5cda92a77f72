/** Version of this release; `lerna version` and the chart move together. */
export const VERSION = '0.1.0';
