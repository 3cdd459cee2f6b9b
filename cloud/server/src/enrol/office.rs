//! What an operator does about enrolment at a cloud's command line.
//!
//! Owns nothing that lasts: it opens the cloud's database beside running instances, which see each change at their next transaction. Takes
//! the cloud's configuration and orders; emits claims, counts and the list of revoked certificates for brokers that read one. Each order has
//! its audit entry. On failure: a typed error, and nothing has changed.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use aisle_mesh::tls::{Authority, Revoked, TlsError};
use aisle_schemas::{
    http::cloud::{Claim, Enrolled, EnrolmentRequest},
    ids::{EventId, NodeId, NodeName, StoreId},
};
pub use aisle_store::enrolment::CertificateRow;
use aisle_store::{
    Db, StoreError,
    enrolment::{self, NewClaim},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{AuthorityError, EnrolRefused, Enroller, REVOKED_FILE, authority};
use crate::{CloudConfig, config::EnrolmentConfig, fresh};

/// Longest life of a claim: it is carried to a box, not kept.
pub const CLAIM_LIFE_MAX: TimeDelta = TimeDelta::days(7);

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    #[error("the cloud's configuration has no [enrolment]")]
    Off,
    #[error("failed to read the authority")]
    Authority(#[source] AuthorityError),
    #[error("the configuration has no store {0}")]
    Store(StoreId),
    #[error("a claim lives at least a minute and at most seven days")]
    Life,
    #[error("a node does not replace itself: give the new box a name of its own")]
    Itself,
    #[error("there is no node {0}")]
    Node(NodeId),
    #[error("the claim was not redeemed")]
    Refused(#[source] EnrolRefused),
    #[error("failed to use the database")]
    Database(#[from] StoreError),
    #[error("failed to make the list of revoked certificates")]
    List(#[source] TlsError),
    #[error("failed to write {}", file.display())]
    Write {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// A claim that was made.
#[derive(Debug, Clone)]
pub struct MadeClaim {
    pub claim: Claim,
    pub expires_at: DateTime<Utc>,
}

/// See the module.
pub struct Office {
    db: Db,
    folder: PathBuf,
    /// Where the list of revoked certificates goes.
    list: PathBuf,
    authority: Authority,
    stores: Vec<NodeId>,
}

impl Office {
    /// Opens the database and the authority that a cloud's configuration names.
    pub async fn open(config: &CloudConfig) -> Result<Self, OfficeError> {
        let EnrolmentConfig { authority: folder, revoked } = config.enrolment.clone().ok_or(OfficeError::Off)?;
        let list = revoked.unwrap_or_else(|| folder.join(REVOKED_FILE));
        let authority = authority(&folder).map_err(OfficeError::Authority)?;
        let db = Db::connect(&config.database_url).await?;
        Ok(Self { db, folder, list, authority, stores: config.stores.iter().map(crate::config::StoreConfig::node_id).collect() })
    }

    /// Makes a claim for a node of a store: by default for the one that the configuration names.
    pub async fn claim(
        &self,
        store: &StoreId,
        name: Option<NodeName>,
        replaces: Option<NodeName>,
        life: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<MadeClaim, OfficeError> {
        if !(TimeDelta::minutes(1)..=CLAIM_LIFE_MAX).contains(&life) {
            return Err(OfficeError::Life);
        }
        let configured = self.stores.iter().find(|node| node.store == *store).ok_or_else(|| OfficeError::Store(store.clone()))?;
        let named = |name: NodeName| NodeId { node: name, ..configured.clone() };
        let node = name.map_or_else(|| configured.clone(), named);
        let replaces = replaces.map(named);
        if replaces.as_ref() == Some(&node) {
            return Err(OfficeError::Itself);
        }
        // Said now, to the operator: the box that redeems the claim could do nothing about it.
        if let Some(replaced) = &replaces
            && !enrolment::is_known(&mut self.db.read().await?, replaced).await?
        {
            return Err(OfficeError::Node(replaced.clone()));
        }
        let claim = Claim { node: node.clone(), secret: fresh::secret(), authority: self.authority.fingerprint() };
        let expires_at = now + life;
        let new = NewClaim { hash: claim.hash(), node, replaces, made_at: now, expires_at, audit: fresh::id(now, EventId::new) };
        enrolment::put_claim(&self.db, new).await?;
        Ok(MadeClaim { claim, expires_at })
    }

    /// Redeems a claim for a box that stands beside the authority, so that nothing travels.
    pub async fn redeem(&self, asked: &EnrolmentRequest, now: DateTime<Utc>) -> Result<Enrolled, OfficeError> {
        let authority = authority(&self.folder).map_err(OfficeError::Authority)?;
        Enroller::new(authority, self.db.clone()).redeem(asked, now).await.map_err(OfficeError::Refused)
    }

    /// Where brokers outside find the list of revoked certificates.
    pub fn list(&self) -> &Path {
        &self.list
    }

    /// Shuts a node out and writes the list for brokers; returns how many certificates were good until now.
    pub async fn revoke(&self, node: NodeId, now: DateTime<Utc>) -> Result<u64, OfficeError> {
        let revoked = enrolment::revoke(&self.db, node.clone(), now, fresh::id(now, EventId::new)).await?;
        let certificates = revoked.ok_or(OfficeError::Node(node))?;
        self.write_list(now).await?;
        Ok(certificates)
    }

    /// Writes the list of revoked certificates.
    pub async fn write_list(&self, now: DateTime<Utc>) -> Result<(), OfficeError> {
        let rows = enrolment::revoked(&mut self.db.read().await?).await?;
        let revoked: Vec<Revoked> = rows.into_iter().map(|row| Revoked { serial: row.serial, at: row.at }).collect();
        write_list(&self.authority, &self.list, &revoked, now)
    }

    /// All certificates, by node.
    pub async fn certificates(&self) -> Result<Vec<CertificateRow>, OfficeError> {
        Ok(enrolment::certificates(&mut self.db.read().await?).await?)
    }

    /// Lets go of the database.
    pub async fn close(self) {
        self.db.close().await;
    }
}

/// Writes a list of revoked certificates.
pub fn write_list(authority: &Authority, file: &Path, revoked: &[Revoked], now: DateTime<Utc>) -> Result<(), OfficeError> {
    let number = u64::try_from(now.timestamp()).unwrap_or_default();
    let text = authority.revocation_list(revoked, number, now).map_err(OfficeError::List)?;
    let part = file.with_extension("part");
    let written = || {
        let mut open = File::create(&part)?;
        open.write_all(text.as_bytes())?;
        // A name is a promise: a broker that reads half a list after a power cut lets everybody in, or nobody.
        open.sync_all()?;
        std::fs::rename(&part, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    written().map_err(|source| OfficeError::Write { file: file.to_owned(), source })
}
