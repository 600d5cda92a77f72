'use strict';
const { U, admits, admitsKey, anyKeysOf, anyValuesOf, baseIndex, baseMember, compare, documentKeys, equals, force, getIndex, isCollection, isMember, isSet, keyOf, keysOf, lazyDocument, lookUp, mergeBase, newObject, newParts, newSet, probe, put, rulesFor, setPath, sizeOf, splitPart, stepInto, valuesOf, walk, walkBase } = rt;
const C = rt.context;
const p0 = ["user"];
const p1 = ["roles"];
const e2 = walkBase(rt.data, p1);
const J3 = rt.index(e2);
const p4 = ["grants"];
const e5 = walkBase(rt.data, p4);
const J6 = rt.index(e5);
const k7 = ["action"];
const p8 = [];
const e9 = walkBase(rt.data, p8);
const p10 = ["app"];
const e11 = walkBase(rt.data, p10);
const sites = rt.sites(["rule data.app.allow produced conflicting values","roles.rego"], [0,1,5,1,37,149,0,1,11,1,151,180]);
let I, D, E = 0, S = 0;
const stop = () => { S = C.more(S); };
const conflict = (site) => { throw rt.conflict(sites.at(site)); };
const end = () => { I = D = undefined; C.forget(); };
let m0, E0 = 0;
function g0() {
  if (--S < 0) stop();
  let v;
  C0: {
    B0_0: {
      let x0 = I?.user;
      if (x0 === undefined) x0 = walk(I, p0);
      const l0 = x0;
      if (l0 === undefined) break B0_0;
      let x3 = I?.action;
      if (x3 === undefined) x3 = walk(I, k7);
      let x5 = I?.action;
      if (x5 === undefined) x5 = walk(I, k7);
      const x1 = lookUp(J3, e2, l0);
      const a0 = C.dataValues(x1);
      if ((S -= a0.length) < 0) stop();
      L0: for (let i0 = 0; i0 < a0.length; i0++) {
        const l1 = a0[i0];
        const x2 = lookUp(J6, e5, l1);
        const a1 = C.dataValues(x2), ix1 = C.dataIndex(x2, a1, k7);
        let h1;
        if (ix1 !== undefined) {
          h1 = probe(ix1, x3);
        }
        const len1 = h1 === undefined ? a1.length : h1.length;
        if ((S -= len1) < 0) stop();
        L1: for (let i1 = 0; i1 < len1; i1++) {
          const w1 = h1 === undefined ? i1 : h1[i1];
          const l3 = a1[w1];
          let x4 = l3?.action;
          if (x4 === undefined) x4 = walk(l3, k7);
          const l5 = x4;
          if (l5 === undefined) continue L1;
          if (!(l5 === x5 ? l5 !== undefined : typeof l5 !== 'string' && equals(l5, x5))) continue L1;
          E0 = E; return m0 = true;
        }
        continue L0;
      }
      break B0_0;
    }
  }
  C1: {
    B1_0: {
      let x6 = I?.user;
      if (x6 === undefined) x6 = walk(I, p0);
      if (!(x6 === "root")) break B1_0;
      E0 = E; return m0 = true;
    }
  }
  F: if (v === undefined) {
    v = false;
  }
  E0 = E; return m0 = v;
}
function d0() { return E0 === E ? m0 : g0(); }
function u0() {
  if (--S < 0) stop();
  const o = {};
  let v;
  put(o, "app", u1(), 0);
  return o;
}
function t0() { return mergeBase(rt.withoutSystem(e9), u0()); }
function u1() {
  if (--S < 0) stop();
  const o = {};
  let v;
  v = d0();
  if (v !== undefined) put(o, "allow", v, 0);
  return o;
}
function t1() { return mergeBase(e11, u1()); }
function e_0() {
  const l0 = d0();
  if (l0 === undefined) return undefined;
  return l0;
}
function start_0(input, data, steps) {
  I = input; D = data; S = steps; E++;
  const v = e_0();
  end();
  return v;
}
const n1 = { extent: t1, children: new Map([["allow", d0]]) };
const n0 = { extent: t0, children: new Map([["app", n1]]) };
const entrypoints = new Map([["app/allow", start_0]]);
return {
  sites,
  entrypoints,
  end,
  left() { return S; },
  spend(steps) { if ((S -= steps) < 0) stop(); },
};
