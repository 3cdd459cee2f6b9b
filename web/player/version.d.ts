//! Owns the name of the player's build, which vite.config.ts puts in.
declare const __VERSION__: string;
