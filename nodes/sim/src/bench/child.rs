//! A server of the bench as a child process, which can be killed without warning and started again on the same port and files.
//!
//! Owns the child and its log file. On drop it is killed by its pid. When the bench itself dies, the kernel kills the child (`setpriv --pdeathsig`).
//! On failure to start: says which program is missing and how to get it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Bytes of a child's log that an error shows.
const LOG_SHOWN: usize = 4_000;

/// User that a server runs as where it refuses to be root.
#[derive(Debug, Clone, Copy)]
pub struct RunAs {
    pub uid: u32,
    pub gid: u32,
}

/// How to start it.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// In reports: `cloud`, `postgres`.
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<String>,
    pub folder: PathBuf,
    pub run_as: Option<RunAs>,
}

/// A child, running or killed.
pub struct Child {
    recipe: Recipe,
    process: Process,
}

impl Child {
    /// Starts it; its output goes to `{folder}/{name}.log`.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start(recipe: Recipe) -> Result<Self> {
        let process = spawn(&recipe)?;
        Ok(Self { recipe, process })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Fails with the end of its output when it is no longer running.
    ///
    /// # Errors
    /// When it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.process.try_wait().context("failed to ask for a child")? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}:\n{}", self.recipe.name, self.output()),
        }
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.try_wait().context("failed to ask for a child")?.is_some())
    }

    /// The end of what it printed.
    pub fn output(&self) -> String {
        let text = std::fs::read(log_file(&self.recipe)).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(LOG_SHOWN)..]).into_owned()
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        if !self.has_ended()? {
            self.process.kill().with_context(|| format!("failed to kill {}", self.recipe.name))?;
            self.process.wait().context("failed to wait for a child")?;
        }
        Ok(())
    }

    /// Lets it stand still as it is, as a machine does whose host is busy elsewhere.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn pause(&self) -> Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn resume(&self) -> Result<()> {
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let kill = find_program("kill", "procps", &[])?;
        let status = Command::new(kill).args([signal, &self.pid().to_string()]).status().context("failed to run kill")?;
        ensure!(status.success(), "kill {signal} {} ended with {status}", self.recipe.name);
        Ok(())
    }

    /// Starts it again where it ended.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start_again(&mut self) -> Result<()> {
        self.kill()?;
        self.process = spawn(&self.recipe)?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            tracing::warn!(%error, child = self.recipe.name, "failed to end a child");
        }
    }
}

fn log_file(recipe: &Recipe) -> PathBuf {
    recipe.folder.join(format!("{}.log", recipe.name))
}

fn spawn(recipe: &Recipe) -> Result<Process> {
    let Recipe { name: _, program, args, folder: _, run_as } = recipe;
    let log = log_file(recipe);
    let out = File::options().create(true).append(true).open(&log).with_context(|| format!("failed to open {}", log.display()))?;
    let errors = out.try_clone().context("failed to share the log")?;
    let mut command = Command::new(find_program("setpriv", "util-linux", &[])?);
    command.args(["--pdeathsig", "KILL"]);
    if let Some(run_as) = run_as {
        command.args(as_user(*run_as));
    }
    command.arg("--").arg(program).args(args).stdin(Stdio::null()).stdout(out).stderr(errors);
    command.spawn().with_context(|| format!("failed to run {}", program.display()))
}

/// Arguments of setpriv for another user.
pub fn as_user(RunAs { uid, gid }: RunAs) -> [String; 3] {
    [format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]
}

/// Finds a program in `PATH` and then in `also`.
///
/// # Errors
/// When it is nowhere: the message names the package.
pub fn find_program(name: &str, package: &str, also: &[PathBuf]) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(also.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
        .with_context(|| format!("{name} is not installed: `make test-deps` installs the package {package}"))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_child_is_gone_and_can_be_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let program = find_program("tail", "coreutils", &[]).unwrap();
        let args = ["-f", "/dev/null"].map(ToOwned::to_owned).to_vec();
        let recipe = Recipe { name: "tail".to_owned(), program, args, folder: folder.path().to_owned(), run_as: None };
        let mut child = Child::start(recipe).unwrap();
        let first = child.pid();
        child.check().unwrap();
        child.kill().unwrap();
        assert!(child.has_ended().unwrap() && child.check().is_err());
        child.start_again().unwrap();
        assert!(child.pid() != first && !child.has_ended().unwrap());
    }

    #[test]
    fn a_paused_child_stands_still_and_can_still_be_killed() {
        let folder = tempfile::tempdir().unwrap();
        let program = find_program("tail", "coreutils", &[]).unwrap();
        let args = ["-f", "/dev/null"].map(ToOwned::to_owned).to_vec();
        let recipe = Recipe { name: "tail".to_owned(), program, args, folder: folder.path().to_owned(), run_as: None };
        let mut child = Child::start(recipe).unwrap();
        child.pause().unwrap();
        assert!(!child.has_ended().unwrap());
        child.resume().unwrap();
        child.pause().unwrap();
        child.kill().unwrap();
        assert!(child.has_ended().unwrap());
    }
}
