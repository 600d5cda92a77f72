'use strict';
const { U, admits, admitsKey, anyKeysOf, anyValuesOf, baseIndex, baseMember, compare, documentKeys, equals, force, getIndex, isCollection, isMember, isSet, keyOf, keysOf, lazyDocument, lookUp, mergeBase, newObject, newParts, newSet, probe, put, rulesFor, setPath, sizeOf, splitPart, stepInto, valuesOf, walk, walkBase } = rt;
const C = rt.context;
const b0 = rt.builtin("plus");
const p0 = ["x"];
const k1 = {"x": 1};
const p2 = ["base"];
const p3 = ["app"];
const e4 = walkBase(rt.data, p3);
const sites = rt.sites(["rule data.app.p produced conflicting values","with.rego","rule data.app.q produced conflicting values","plus"], [0,1,5,1,39,135,2,1,3,1,13,37,3,1,3,6,18,37]);
let I, D, M, E = 0, S = 0;
const stop = () => { S = C.more(S); };
const conflict = (site) => { throw rt.conflict(sites.at(site)); };
const end = () => { I = D = M = undefined; C.forget(); };
class Frame {
  constructor() {
    this.m0 = U;
    this.m1 = U;
    this.p = undefined;
  }
  bare() {
    const n = new Frame();
    n.p = this.p;
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
      const sm0 = M, si0 = I, sd0 = D;
      let ok0 = false;
      let y0_0;
      M = sm0.next();
      I = setPath(I, p0, 2);
      W0: {
        const l0 = d1();
        if (l0 === undefined) break W0;
        y0_0 = l0; ok0 = true; break W0;
      }
      M = sm0; I = si0; D = sd0;
      if (!ok0) break B0_0;
      const l0 = y0_0;
      const sm1 = M, si1 = I, sd1 = D;
      let ok1 = false;
      let y1_1;
      M = sm1.next();
      D = setPath(D, p2, 10);
      M.p = M.p === undefined ? [p2] : [...M.p, p2];
      I = k1;
      W1: {
        const l1 = d1();
        if (l1 === undefined) break W1;
        y1_1 = l1; ok1 = true; break W1;
      }
      M = sm1; I = si1; D = sd1;
      if (!ok1) break B0_0;
      const l1 = y1_1;
      v = [l0, l1];
      break C0;
    }
  }
  return M.m0 = v;
}
function d0() { const m = M.m0; return m === U ? g0() : m; }
function g1() {
  if (--S < 0) stop();
  let v;
  C0: {
    B0_0: {
      let x0 = I?.x;
      if (x0 === undefined) x0 = walk(I, p0);
      const l0 = x0;
      if (l0 === undefined) break B0_0;
      const l1 = walkBase(D, p2, M.p);
      if (l1 === undefined) break B0_0;
      const x1 = Number.isInteger(l0) && Number.isInteger(l1) && Number.isSafeInteger(l0 + l1) ? l0 + l1 : b0(C, l0, l1);
      const l2 = x1;
      if (l2 === undefined) { C.at(2); break B0_0; }
      v = l2;
      break C0;
    }
  }
  return M.m1 = v;
}
function d1() { const m = M.m1; return m === U ? g1() : m; }
function u0() {
  if (--S < 0) stop();
  const o = {};
  let v;
  put(o, "app", u1(), 0);
  return o;
}
function t0() { return mergeBase(rt.withoutSystem(D), u0()); }
function u1() {
  if (--S < 0) stop();
  const o = {};
  let v;
  v = d0();
  if (v !== undefined) put(o, "p", v, 0);
  v = d1();
  if (v !== undefined) put(o, "q", v, 0);
  return o;
}
function t1() { return mergeBase(e4, u1()); }
function e_0() {
  const l0 = d0();
  if (l0 === undefined) return undefined;
  return l0;
}
function start_0(input, data, steps) {
  I = input; D = data; S = steps; E++; M = new Frame();
  const v = e_0();
  end();
  return v;
}
const n1 = { extent: t1, children: new Map([["p", d0], ["q", d1]]) };
const n0 = { extent: t0, children: new Map([["app", n1]]) };
const entrypoints = new Map([["app/p", start_0]]);
return {
  sites,
  entrypoints,
  end,
  left() { return S; },
  spend(steps) { if ((S -= steps) < 0) stop(); },
};
