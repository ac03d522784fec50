import { describe, expect, it } from 'vitest';
import { isNewer, keyOf, resourcePath, splitKey } from '../../../src/kube/object.ts';
import type { KubeObject } from '../../../src/kube/object.ts';
import { createStore } from '../../../src/kube/store.ts';
import type { Change, Store } from '../../../src/kube/store.ts';

interface Widget extends KubeObject {
  readonly spec?: string;
}

const widget = (name: string, resourceVersion: number, uid = `uid-${name}`, namespace = 'shop'): Widget => ({
  metadata: { name, namespace, uid, resourceVersion: String(resourceVersion) },
});

const filled = (...objects: readonly Widget[]): Store<Widget> => {
  const store = createStore<Widget>();
  store.replace(objects);
  return store;
};

/** `added shop/a`, `updated shop/a 1→2`, … */
const words = (changes: readonly Change<Widget>[]): readonly string[] =>
  changes.map((change) =>
    change.kind === 'updated'
      ? `updated ${change.key} ${change.previous.metadata.resourceVersion}→${change.object.metadata.resourceVersion}`
      : `${change.kind} ${change.key}`,
  );

describe('replace', () => {
  it.each<[string, readonly Widget[], readonly Widget[], readonly string[]]>([
    ['nothing, nothing', [], [], []],
    ['a first list', [], [widget('a', 1), widget('b', 2)], ['added shop/a', 'added shop/b']],
    ['the same list', [widget('a', 1)], [widget('a', 1)], []],
    ['a change', [widget('a', 1)], [widget('a', 5)], ['updated shop/a 1→5']],
    ['a server that was restored from a backup', [widget('a', 900)], [widget('a', 5)], ['updated shop/a 900→5']],
    ['a deletion', [widget('a', 1), widget('b', 2)], [widget('b', 2)], ['deleted shop/a']],
    ['the same name with another uid', [widget('a', 1, 'old')], [widget('a', 9, 'new')], ['deleted shop/a', 'added shop/a']],
    ['a name with another namespace', [widget('a', 1)], [widget('a', 1, 'uid-a', 'bar')], ['deleted shop/a', 'added bar/a']],
  ])('tells the difference: %s', (_, before, after, expected) => {
    const store = filled(...before);
    expect(words(store.replace(after))).toEqual(expected);
    expect(store.list()).toEqual(after);
    expect(store.size).toBe(after.length);
  });

  it('of one namespace leaves the others alone', () => {
    const store = filled(widget('a', 1), widget('b', 2, 'uid-b', 'bar'));
    expect(words(store.replace([widget('c', 3)], 'shop'))).toEqual(['deleted shop/a', 'added shop/c']);
    expect(store.get('bar/b')).toBeDefined();
  });
});

describe('a watch event', () => {
  it('adds, updates and removes', () => {
    const store = createStore<Widget>();
    expect(words(store.apply(widget('a', 1)))).toEqual(['added shop/a']);
    expect(words(store.apply(widget('a', 2)))).toEqual(['updated shop/a 1→2']);
    expect(words(store.apply(widget('a', 2)))).toEqual([]);
    expect(words(store.remove(widget('a', 3)))).toEqual(['deleted shop/a']);
    expect(words(store.remove(widget('a', 3)))).toEqual([]);
  });

  it('with another uid is a deletion and a creation', () => {
    const store = filled(widget('a', 1, 'old'));
    expect(words(store.apply(widget('a', 5, 'new')))).toEqual(['deleted shop/a', 'added shop/a']);
    expect(words(store.remove(widget('a', 4, 'old')))).toEqual([]);
    expect(store.get('shop/a')?.metadata.uid).toBe('new');
  });

  it('loses its managedFields, and nothing else', () => {
    const store = createStore<Widget>();
    const { metadata } = widget('a', 1);
    store.apply({ spec: 'x', metadata: Object.assign({ managedFields: [{}] }, metadata) });
    expect(store.get('shop/a')).toEqual({ spec: 'x', metadata });
  });
});

describe('putBack', () => {
  it('is seen at once, if it is newer, and tells nobody', () => {
    const store = filled(widget('a', 99));
    expect(store.putBack({ ...widget('a', 100), spec: 'ours' })).toBe(true);
    expect(store.get('shop/a')?.spec).toBe('ours');
    expect(store.list().map(({ spec }) => spec)).toEqual(['ours']);
    expect(store.putBack(widget('a', 100))).toBe(false);
    expect(store.putBack(widget('a', 98))).toBe(false);
    expect(store.get('shop/a')?.spec).toBe('ours');
  });

  it('raises neither the dead nor their namesakes', () => {
    const store = filled(widget('a', 1, 'new'));
    expect(store.putBack(widget('gone', 2))).toBe(false);
    expect(store.putBack(widget('a', 2, 'old'))).toBe(false);
    expect(store.list()).toEqual([widget('a', 1, 'new')]);
  });

  it("doesn't hide what others changed before our write: it is told when the watch tells it", () => {
    const store = filled(widget('a', 1));
    // Somebody writes 2, then we write 3 on top; our answer is here first.
    store.putBack({ ...widget('a', 3), spec: 'theirs and ours' });
    const [change] = store.apply({ ...widget('a', 2), spec: 'theirs' });
    expect(change).toMatchObject({ kind: 'updated', object: { spec: 'theirs' }, previous: { metadata: { resourceVersion: '1' } } });
    expect(store.get('shop/a')?.spec).toBe('theirs and ours');
    expect(words(store.apply(widget('a', 3)))).toEqual(['updated shop/a 2→3']);
    expect(words(store.apply(widget('a', 4)))).toEqual(['updated shop/a 3→4']);
    expect(store.get('shop/a')?.metadata.resourceVersion).toBe('4');
  });

  it('outlives a list that was taken before', () => {
    const store = filled(widget('a', 1));
    store.putBack(widget('a', 5));
    expect(words(store.replace([widget('a', 2)]))).toEqual(['updated shop/a 1→2']);
    expect(store.get('shop/a')?.metadata.resourceVersion).toBe('5');
    expect(words(store.replace([]))).toEqual(['deleted shop/a']);
  });
});

describe('isNewer', () => {
  it.each([
    ['2', '1', true],
    ['1', '2', false],
    ['1', '1', false],
    ['100', '99', true],
    ['99', '100', false],
    ['18446744073709551616', '18446744073709551615', true],
    ['18446744073709551615', '9007199254740993', true],
    ['abc', '1', true],
    ['abc', 'abc', false],
  ])('%s after %s: %s', (left, right, expected) => {
    expect(isNewer(left, right)).toBe(expected);
  });
});

describe('names', () => {
  it('make keys, and keys names', () => {
    expect(keyOf(widget('a', 1))).toBe('shop/a');
    expect(keyOf({ metadata: { name: 'a', uid: 'u', resourceVersion: '1' } })).toBe('a');
    expect(splitKey('shop/a')).toEqual({ namespace: 'shop', name: 'a' });
    expect(splitKey('a')).toEqual({ namespace: undefined, name: 'a' });
  });

  it('make paths', () => {
    const widgets = { group: 'example.dev', version: 'v1', plural: 'widgets' };
    expect(resourcePath(widgets)).toBe('/apis/example.dev/v1/widgets');
    expect(resourcePath(widgets, 'shop')).toBe('/apis/example.dev/v1/namespaces/shop/widgets');
    expect(resourcePath(widgets, 'shop', 'a', 'status')).toBe('/apis/example.dev/v1/namespaces/shop/widgets/a/status');
    expect(resourcePath({ group: '', version: 'v1', plural: 'nodes' }, undefined, 'a')).toBe('/api/v1/nodes/a');
  });
});
