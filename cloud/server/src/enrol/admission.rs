//! The embedded broker lets in who is enrolled, and cuts off who no longer is.
//!
//! Owns a task that compares enrolments in the database with the broker's rules. Takes nothing but the clock's pace; emits changed rules.
//! On failure to read it keeps the rules and tries again: records are checked once more when they are applied (AS-106).

use std::{collections::BTreeSet, time::Duration};

use aisle_mesh::broker::{Access, Role};
use aisle_schemas::ids::NodeId;
use aisle_store::{Db, StoreError, enrolment};
use tokio::{sync::watch, task::JoinHandle};

/// How long a node that was shut out may go on reading what is addressed to it.
pub const ADMISSION_PERIOD: Duration = Duration::from_secs(1);

/// Brings the rules up to date now.
pub async fn update(db: &Db, access: &Access) -> Result<(), StoreError> {
    let (admitted, revoked) = {
        let mut connection = db.read().await?;
        (enrolment::admitted(&mut connection).await?, enrolment::revoked(&mut connection).await?)
    };
    let admitted: BTreeSet<NodeId> = admitted.into_iter().collect();
    let revoked: BTreeSet<_> = revoked.into_iter().map(|certificate| certificate.fingerprint).collect();
    let (known, same) = access.with(|rules| {
        let known: BTreeSet<NodeId> = rules
            .accounts()
            .filter_map(|(_, account)| match account.role() {
                Role::Node(node) => Some(node.clone()),
                Role::Cloud(_) | Role::StoreNode | Role::Device { .. } => None,
            })
            .collect();
        (known, rules.revoked() == &revoked)
    });
    if known == admitted && same {
        return Ok(());
    }
    access.update(|rules| {
        for gone in known.difference(&admitted) {
            rules.expel(&gone.to_string());
        }
        for new in admitted.difference(&known) {
            rules.admit_certified(Role::Node(new.clone()));
        }
        rules.set_revoked(revoked);
    });
    Ok(())
}

/// Keeps the rules up to date until the instance stops.
pub fn follow(db: Db, access: Access, mut stopping: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::select! {
                stop = stopping.wait_for(|stop| *stop) => {
                    if stop.is_err() {
                        tracing::debug!("the instance is gone");
                    }
                    return;
                }
                () = tokio::time::sleep(ADMISSION_PERIOD) => {}
            }
            if let Err(error) = update(&db, &access).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "enrolments were not read");
            }
        }
    })
}
