//! SQLite's one writer: takes units of work, runs those that wait in one transaction, commits once, answers all.
//!
//! Owns the writing connection. Takes closures over a [`Tx`]; each runs in its own savepoint, so one that fails undoes only itself. Emits
//! each unit's result, after the commit that made it durable. On failure of the commit, every unit of the group fails as transient. While
//! a commit waits for the disk, the next group gathers: one fsync serves many under load, and an idle writer adds no wait.

use futures_util::future::BoxFuture;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tokio::sync::{mpsc, oneshot};

use crate::{db::Tx, error::StoreError, migrate};

/// Units that may wait for the writer; beyond it callers wait, which is the back-pressure.
pub const WRITER_QUEUE: usize = 1_024;
/// Units of one commit: bounds how long the first waits for the last.
pub const GROUP_MAX: usize = 64;

type Job = Box<dyn FnOnce(&mut Tx) -> BoxFuture<'_, JobEnd> + Send>;

/// A unit after its work and before its group's commit.
struct JobEnd {
    /// Whether its savepoint is kept.
    keep: bool,
    /// Answers the caller once the fate of the group is known.
    answer: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

enum Command {
    Job(Job),
    Close(oneshot::Sender<()>),
}

/// Handle to the writer task.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Command>,
}

impl Writer {
    /// Opens the file, migrates it and starts the task.
    pub async fn open(options: &SqliteConnectOptions) -> Result<Self, StoreError> {
        let mut connection = options.connect().await?;
        connection.ping().await?;
        migrate::sqlite(&mut connection).await?;
        let (queue, commands) = mpsc::channel(WRITER_QUEUE);
        tokio::spawn(serve(Tx::sqlite(connection), commands));
        Ok(Self { queue })
    }

    /// Runs a unit and returns after the commit that holds it.
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<T, E>>();
        let job: Job = Box::new(move |tx| {
            Box::pin(async move {
                let outcome = work(tx).await;
                let keep = outcome.is_ok();
                let answer = Box::new(move |fate: Result<(), StoreError>| {
                    let outcome = match fate {
                        Ok(()) => outcome,
                        Err(error) => outcome.and(Err(error.into())),
                    };
                    // A caller that went away does not want to know.
                    drop(answer.send(outcome));
                });
                JobEnd { keep, answer }
            })
        });
        self.queue.send(Command::Job(job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Group("the unit was not run".to_owned()).into()))
    }

    /// Ends the task after the units that it has.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Command::Close(done)).await.is_ok() {
            drop(closed.await);
        }
    }
}

async fn serve(mut tx: Tx, mut commands: mpsc::Receiver<Command>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    loop {
        if commands.recv_many(&mut group, GROUP_MAX).await == 0 {
            return;
        }
        let mut closing = Vec::new();
        let mut jobs = Vec::with_capacity(group.len());
        for command in group.drain(..) {
            match command {
                Command::Job(job) => jobs.push(job),
                Command::Close(done) => closing.push(done),
            }
        }
        commit_group(&mut tx, jobs).await;
        if !closing.is_empty() {
            drop(tx); // closes the file before anyone is told
            for done in closing {
                // Whoever asked may have gone meanwhile.
                done.send(()).unwrap_or_default();
            }
            return;
        }
    }
}

async fn commit_group(tx: &mut Tx, jobs: Vec<Job>) {
    if jobs.is_empty() {
        return;
    }
    let begun = tx.raw("BEGIN IMMEDIATE").await;
    let mut ends = Vec::with_capacity(jobs.len());
    let mut fate = begun;
    for job in jobs {
        match run_in_savepoint(tx, job, fate.is_ok()).await {
            Ok(end) => ends.push(end),
            Err((end, error)) => {
                ends.extend(end);
                fate = fate.and(Err(error));
            }
        }
    }
    if fate.is_ok() {
        fate = tx.raw("COMMIT").await;
    }
    if fate.is_err() {
        // After some errors SQLite has rolled back by itself, and then this fails: either way no transaction is open.
        if let Err(error) = tx.raw("ROLLBACK").await {
            tracing::debug!(error = &error as &dyn std::error::Error, "nothing was left to roll back");
        }
    }
    let failed = fate.err();
    if let Some(error) = &failed {
        tracing::warn!(error = error as &dyn std::error::Error, units = ends.len(), "a group commit failed");
    }
    for end in ends {
        (end.answer)(match &failed {
            None => Ok(()),
            Some(error) => Err(StoreError::Group(error.to_string())),
        });
    }
}

type Ran = Result<JobEnd, (Option<JobEnd>, StoreError)>;

/// Runs one unit; `Err` where the whole group is lost. A unit that is dropped unrun fails as transient through its
/// dropped sender.
async fn run_in_savepoint(tx: &mut Tx, job: Job, open: bool) -> Ran {
    if !open {
        return Err((None, StoreError::Group("an earlier unit of the group lost the transaction".to_owned())));
    }
    if let Err(error) = tx.savepoint().await {
        return Err((None, error));
    }
    let end = job(tx).await;
    let ended = if end.keep { tx.release().await } else { tx.undo().await };
    match ended {
        Ok(()) => Ok(end),
        Err(error) => Err((Some(end), error)),
    }
}
