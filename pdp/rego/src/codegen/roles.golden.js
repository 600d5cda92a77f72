'use strict';
const { U, add, anyKeysOf, anyValuesOf, baseIndex, compare, documentKeys, equals, force, getIndex, isCollection, isMember, keyOf, keysOf, lazyDocument, mergeBase, newObject, newParts, newSet, put, sameKeysOf, sameValuesOf, setPath, sizeOf, stepInto, valuesOf, walk } = rt;
const p0 = ["user"];
const p1 = ["roles"];
const e2 = walk(rt.data, p1);
const p3 = ["grants"];
const e4 = walk(rt.data, p3);
const p5 = ["action"];
const p6 = [];
const e7 = walk(rt.data, p6);
const p8 = ["app"];
const e9 = walk(rt.data, p8);
const sites = [{"message":"rule data.app.allow produced conflicting values","location":{"file":"roles.rego","row":5,"col":1,"start":37,"end":149}},{"message":"rule data.app.allow produced conflicting values","location":{"file":"roles.rego","row":11,"col":1,"start":151,"end":180}}];
let I, D, M, C, S = 0;
const stop = () => { throw rt.cancelled(); };
const conflict = (site) => { throw rt.conflict(sites[site]); };
class Frame {
  constructor() {
    this.m0 = U;
  }
  bare() {
    const n = new Frame();
    return n;
  }
  next() {
    const n = this.bare();
    return n;
  }
}
function g0() {
  if (--S < 0) stop();
  let v;
  C0: {
    B0_0: {
      let x0 = I?.user;
      if (x0 === undefined) x0 = walk(I, p0);
      const l0 = x0;
      if (l0 === undefined) break B0_0;
      const x1 = baseIndex(e2, l0);
      const a0 = C.dataValues(x1);
      if ((S -= a0.length) < 0) stop();
      L0: for (let i0 = 0; i0 < a0.length; i0++) {
        const l1 = a0[i0];
        const x2 = baseIndex(e4, l1);
        const a1 = C.dataValues(x2);
        if ((S -= a1.length) < 0) stop();
        L1: for (let i1 = 0; i1 < a1.length; i1++) {
          const l3 = a1[i1];
          let x3 = l3?.action;
          if (x3 === undefined) x3 = walk(l3, p5);
          const l5 = x3;
          if (l5 === undefined) continue L1;
          let x4 = I?.action;
          if (x4 === undefined) x4 = walk(I, p5);
          const l6 = x4;
          if (l6 === undefined) continue L1;
          if (!(equals(l5, l6))) continue L1;
          return M.m0 = true;
        }
        continue L0;
      }
      break B0_0;
    }
  }
  C1: {
    B1_0: {
      let x5 = I?.user;
      if (x5 === undefined) x5 = walk(I, p0);
      const l7 = x5;
      if (l7 === undefined) break B1_0;
      if (!(l7 === "root")) break B1_0;
      return M.m0 = true;
    }
  }
  F: if (v === undefined) {
    v = false;
  }
  return M.m0 = v;
}
function d0() { const m = M.m0; return m === U ? g0() : m; }
function u0() {
  if (--S < 0) stop();
  const o = {};
  let v;
  put(o, "app", u1(), 0);
  return o;
}
function t0() { return mergeBase(rt.withoutSystem(e7), u0()); }
function u1() {
  if (--S < 0) stop();
  const o = {};
  let v;
  v = d0();
  if (v !== undefined) put(o, "allow", v, 0);
  return o;
}
function t1() { return mergeBase(e9, u1()); }
function e_0() {
  const l0 = d0();
  if (l0 === undefined) return undefined;
  return l0;
}
const n1 = { extent: t1, children: new Map([["allow", d0]]) };
const n0 = { extent: t0, children: new Map([["app", n1]]) };
const entrypoints = new Map([["app/allow", e_0]]);
return {
  sites,
  entrypoints,
  begin(input, data, context, steps) { I = input; D = data; C = context; S = steps; M = new Frame(); },
  end() { I = D = C = M = undefined; },
};
