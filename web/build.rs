//! Owns `web/dist`: builds the pages when their sources changed since the last build.
//! Takes: the web sources, `package-lock.json`, `AISLE_SKIP_WEB`, `npm` on the path.
//! Emits: `dist/`, with `dist/.stamp` naming the sources it was made from.
//! On failure: a failed web build fails the crate, with npm's own output; a machine without npm
//! gets the page in `src/missing.html` instead, and a cargo warning.

use sha2::{Digest, Sha256};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a page is made from. Rust sources are not in the list: they change no page.
const SOURCES: &[&str] = &[
    "console",
    "door",
    "tablet",
    "nfc",
    "package-lock.json",
    "package.json",
    "player",
    "public",
    "scripts",
    "shared",
    "shop",
    "styleguide",
    "tsconfig.json",
    "tsconfig.test.json",
    "tsconfig.worker.json",
    "vite.config.ts",
];
/// Made by the build itself, so never part of the stamp.
const GENERATED: &str = "shared/generated";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets the folder"));
    let dist = root.join("dist");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=dist/.stamp");
    println!("cargo:rerun-if-env-changed=AISLE_SKIP_WEB");
    fs::create_dir_all(&dist).expect("web/dist can be created");

    if env::var_os("AISLE_SKIP_WEB").is_some_and(|value| value == "1") {
        return;
    }
    let stamp = stamp(&root).expect("web sources are readable");
    let stamp_file = dist.join(".stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|built| built.trim() == stamp) {
        return;
    }
    if !npm_present() {
        println!("cargo:warning=npm not found: pages say what to install; install Node 20.19 or newer and build again");
        return;
    }
    npm(&root, &["ci", "--ignore-scripts"]);
    npm(&root, &["run", "build"]);
    // Last: a build that was interrupted has no stamp and is done again.
    fs::write(stamp_file, stamp).expect("web/dist is writable");
}

/// SHA-256 over path and content of each source file, in path order.
fn stamp(root: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&root.join(source), &mut files)?;
    }
    let mut named: Vec<(String, PathBuf)> = files
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(root).unwrap_or(&file);
            (name.to_string_lossy().replace('\\', "/"), file)
        })
        .filter(|(name, _)| !name.starts_with(GENERATED))
        .collect();
    named.sort();
    let mut hash = Sha256::new();
    for (name, file) in named {
        let bytes = fs::read(file)?;
        hash.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(&bytes);
    }
    Ok(hex::encode(hash.finalize()))
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    if path.is_file() {
        into.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), into)?;
    }
    Ok(())
}

fn npm_present() -> bool {
    Command::new("npm").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn npm(root: &Path, arguments: &[&str]) {
    let output = Command::new("npm").args(arguments).current_dir(root).output().expect("npm answered its version a moment ago");
    assert!(
        output.status.success(),
        "npm {} failed\n{}\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
