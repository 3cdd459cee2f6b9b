//! Who this box is to the cloud: its key, its certificate, and how both are renewed (AS-105, AS-107).
//!
//! Owns the identity folder. Takes a claim, once; then time. Emits the certificate that the next dial shows. On failure the store goes on:
//! nothing in the store asks whether a certificate is there, fits or is still good.

mod client;
mod folder;
mod renewal;

pub(crate) use client::connector;
pub use client::{ClientError, EnrolClient};
pub use folder::{Held, IdentityError, IdentityFolder};
pub use renewal::{Keeper, KeeperConfig};

use aisle_mesh::tls::{Certificate, Identity, PrivateKey};
use aisle_schemas::http::cloud::{Claim, Enrolled, EnrolmentRequest};
use aisle_schemas::ids::NodeId;
use sha2::{Digest, Sha256};

/// Why a box did not become a node.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error("the identity folder cannot be used")]
    Folder(#[source] IdentityError),
    #[error("no certificate was given")]
    Client(#[source] ClientError),
    #[error("the cloud answered with another authority than the claim names")]
    Authority,
    #[error("the cloud answered with a certificate of another node or key")]
    Foreign,
}

/// Makes a key in the folder and gets its certificate for a claim. May be repeated: a key that waits for its certificate is used again, so
/// that an answer lost on the way does not cost the claim.
///
/// # Errors
/// [`EnrolError`]; without a certificate the folder stays as it was, apart from the waiting key.
pub async fn enrol(folder: &IdentityFolder, client: &EnrolClient, claim: &Claim) -> Result<NodeId, EnrolError> {
    let (key, asked) = prepare(folder, claim)?;
    let enrolled = client.enrol(&asked).await.map_err(EnrolError::Client)?;
    accept(folder, claim, &key, &enrolled)
}

/// The key that waits in the folder, and what it asks with.
///
/// # Errors
/// When the folder cannot be used.
pub fn prepare(folder: &IdentityFolder, claim: &Claim) -> Result<(PrivateKey, EnrolmentRequest), EnrolError> {
    let identity = Identity::Node(claim.node.clone());
    let key = folder.waiting_key().map_err(EnrolError::Folder)?;
    let request = key.request(&identity).map_err(|error| EnrolError::Folder(error.into()))?;
    Ok((key, EnrolmentRequest { claim: claim.to_string(), request }))
}

/// Puts what was given for a claim in force.
///
/// # Errors
/// When it is not what the claim promised, or the folder cannot be used.
pub fn accept(folder: &IdentityFolder, claim: &Claim, key: &PrivateKey, enrolled: &Enrolled) -> Result<NodeId, EnrolError> {
    let given = IdentityFolder::fingerprint(&enrolled.authority).map_err(EnrolError::Folder)?;
    if given != claim.authority {
        return Err(EnrolError::Authority);
    }
    keep(folder, &claim.node, key, enrolled)?;
    Ok(enrolled.node.clone())
}

/// Writes a certificate beside its key, after a look at both.
fn keep(folder: &IdentityFolder, node: &NodeId, key: &PrivateKey, enrolled: &Enrolled) -> Result<(), EnrolError> {
    let certificate = Certificate::from_pem(&enrolled.certificate).map_err(|error| EnrolError::Folder(error.into()))?;
    let message = Sha256::digest(&enrolled.certificate);
    let signed = key.sign(&message).map_err(|error| EnrolError::Folder(error.into()))?;
    if certificate.identity != Identity::Node(node.clone()) || !certificate.verifies(&message, &signed) {
        return Err(EnrolError::Foreign);
    }
    folder.write(&enrolled.authority, &enrolled.certificate, key).map_err(EnrolError::Folder)
}
