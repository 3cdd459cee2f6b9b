//! A child process that ends with the test that started it.
//!
//! Owns the child and its log file. Takes a command; on drop it is stopped by its pid. When the test process itself dies, the kernel stops the
//! child (`setpriv --pdeathsig`). On failure to start: says which program is missing and how to get it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Set to 1 where the machine has no servers: tests that need one then pass without having looked.
pub const SKIP_SERVICES: &str = "AISLE_TEST_SKIP_SERVICES";

/// Whether tests that need an outside server shall be left out.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, no configuration of the product")]
pub fn services_are_skipped() -> bool {
    std::env::var(SKIP_SERVICES).is_ok_and(|value| value == "1")
}

/// Finds a program in `PATH` and then in `also`.
///
/// # Errors
/// When it is nowhere: the message names the package.
pub fn find_program(name: &str, package: &str, also: &[PathBuf]) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(also.iter().cloned()).map(|folder| folder.join(name)).find(|file| is_program(file)).with_context(
        || format!("{name} is not installed: `make test` installs the package {package}; {SKIP_SERVICES}=1 leaves these tests out"),
    )
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Lines of a child's output that a failing test shows.
const LINES_SHOWN: usize = 40;

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Orderly stop.
    Term,
    /// PostgreSQL's immediate stop: ends its children too.
    Quit,
    /// No chance to say anything.
    Kill,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "-TERM",
            Self::Quit => "-QUIT",
            Self::Kill => "-KILL",
        }
    }
}

/// User that a server runs as where it refuses to be root.
#[derive(Debug, Clone, Copy)]
pub struct RunAs {
    pub uid: u32,
    pub gid: u32,
}

/// A running child.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stop: Signal,
}

impl Process {
    /// Starts `program`; its output goes to `{folder}/{name}.log`.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start(name: &str, program: &Path, args: &[String], folder: &Path, run_as: Option<RunAs>, stop: Signal) -> Result<Self> {
        Self::start_with(name, program, args, &[], folder, run_as, stop)
    }

    /// Like [`Process::start`], with environment variables.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start_with(
        name: &str,
        program: &Path,
        args: &[String],
        env: &[(&str, String)],
        folder: &Path,
        run_as: Option<RunAs>,
        stop: Signal,
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).with_context(|| format!("failed to open {}", log.display()))?;
        let setpriv = find_program("setpriv", "util-linux", &[])?;
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL"]);
        if let Some(RunAs { uid, gid }) = run_as {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
        }
        command.arg("--").arg(program).args(args).envs(env.iter().map(|(key, value)| (key, value)));
        let errors = out.try_clone().context("failed to share the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("failed to run {}", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log, stop })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails with its output when it is no longer running.
    ///
    /// # Errors
    /// When it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("failed to ask for a child")? {
            None => Ok(()),
            Some(status) => bail!("{} ended early with {status}:\n{}", self.name, self.output()),
        }
    }

    /// Stops it the given way and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn end(&mut self, how: Signal) -> Result<ExitStatus> {
        if self.child.try_wait().context("failed to ask for a child")?.is_none() {
            let pid = self.child.id().to_string();
            Command::new("kill").args([how.name(), &pid]).stderr(Stdio::null()).status().context("failed to run kill")?;
        }
        self.child.wait().context("failed to wait for a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.output();
            let last: Vec<_> = output.lines().rev().take(LINES_SHOWN).collect();
            eprintln!("--- {} said last:\n{}", self.name, last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        if let Err(error) = self.end(self.stop) {
            eprintln!("failed to stop {}: {error:#}", self.name);
        }
    }
}
