//! Owns the bounded shelf of plays: IndexedDB, or memory where the browser gives none.
//! Takes: plays. Emits: the oldest ones. On failure: falls back to memory once, at opening.
import type { Play } from "../shared/types.ts";

export interface Shelf {
  put(play: Play): Promise<void>;
  /** Of all boots, in the order in which they were put. */
  oldest(most: number): Promise<Play[]>;
  /** Drops the plays of `boot` up to and with `seq`. */
  drop(boot: string, seq: number): Promise<void>;
}

const STORE = "plays";

export async function openShelf(name: string, keptMax: number): Promise<Shelf> {
  try {
    return indexed(await open(name), keptMax);
  } catch {
    return inMemory(keptMax);
  }
}

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true });
  return done(request);
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function indexed(database: IDBDatabase, keptMax: number): Shelf {
  const store = (mode: IDBTransactionMode) => database.transaction(STORE, mode).objectStore(STORE);
  return {
    async put(play) {
      const plays = store("readwrite");
      await done(plays.add(play));
      if ((await done(plays.count())) > keptMax) {
        const cursor = await done(plays.openCursor());
        cursor?.delete();
      }
    },
    oldest: (most) => done(store("readonly").getAll(null, most)) as Promise<Play[]>,
    drop: (boot, seq) =>
      new Promise((resolve, reject) => {
        const request = store("readwrite").openCursor();
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const cursor = request.result;
          const play = cursor?.value as Play | undefined;
          // In order of arrival: the first play of another boot, or a later one, ends the run.
          if (!cursor || !play || play.boot !== boot || play.seq > seq) return resolve();
          cursor.delete();
          cursor.continue();
        };
      }),
  };
}

export function inMemory(keptMax: number): Shelf {
  let plays: Play[] = [];
  return {
    async put(play) {
      plays = [...plays, play].slice(-keptMax);
    },
    async oldest(most) {
      return plays.slice(0, most);
    },
    async drop(boot, seq) {
      plays = plays.filter((play) => play.boot !== boot || play.seq > seq);
    },
  };
}
