//! Owns reading Vite's manifest: what one page loads at once.
//! Takes: the manifest, the key of an entry. Emits: file names inside dist/. On failure: throws on an unknown entry.

/** Script, style, font and picture files that `entry` loads before it can show anything; no lazy chunks. */
export function closure(manifest, entry, seen = new Set()) {
  const chunk = manifest[entry];
  if (!chunk) throw new Error(`the manifest has no ${entry}`);
  for (const name of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) seen.add(name);
  for (const next of chunk.imports ?? []) if (!seen.has(manifest[next].file)) closure(manifest, next, seen);
  return [...seen];
}
