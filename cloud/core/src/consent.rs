//! Consent: what a customer allowed, when, under which wording (DOMAIN 10).
//!
//! Owns [`ConsentRecord`] and the questions asked of the append-only list of them: [`allowed`], [`as_of`], [`record_change`].
//! Takes records and published texts loaded from rows, and the instant asked about. Emits verdicts; refusals are values.
//! Arrival order never matters: the newest record by `occurred_at` counts (W3), so a late one cannot override a newer one.

mod proof;
mod text;

pub(crate) use proof::canonical;
pub use proof::{ExportedProof, PROOF_BYTES_MAX, ProofRefused, ProofSubject, export_proof, verify_proof};
pub use text::{LegalText, LegalTexts, TextChange, TextRefused, TextStanding, TextVersion};

use chrono::{DateTime, Utc};

use crate::ids::{ConsentId, CustomerId, PartnerId};

/// What data are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    InstoreContext,
    Location,
    Marketing,
    Profiling,
    Measurement,
    PartnerSharing,
}

impl Purpose {
    pub const ALL: [Self; 6] =
        [Self::InstoreContext, Self::Location, Self::Marketing, Self::Profiling, Self::Measurement, Self::PartnerSharing];

    /// The name in rows, proofs and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstoreContext => "instore_context",
            Self::Location => "location",
            Self::Marketing => "marketing",
            Self::Profiling => "profiling",
            Self::Measurement => "measurement",
            Self::PartnerSharing => "partner_sharing",
        }
    }

    /// The purpose of that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// How a customer may be reached under a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Push,
    Watch,
    Sms,
    Email,
    InApp,
    Print,
    Staff,
}

impl Channel {
    pub const ALL: [Self; 7] = [Self::Push, Self::Watch, Self::Sms, Self::Email, Self::InApp, Self::Print, Self::Staff];

    /// The name in rows, proofs and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Watch => "watch",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::InApp => "in_app",
            Self::Print => "print",
            Self::Staff => "staff",
        }
    }

    /// The channel of that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsentState {
    Granted,
    Withdrawn,
}

impl ConsentState {
    /// The name in rows, proofs and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Granted, Self::Withdrawn].into_iter().find(|state| state.as_str() == text)
    }
}

/// How the customer declared it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    App,
    Web,
    Till,
    Desk,
    PaperScan,
    DoubleOptIn,
}

impl Method {
    pub const ALL: [Self; 6] = [Self::App, Self::Web, Self::Till, Self::Desk, Self::PaperScan, Self::DoubleOptIn];

    /// The name in rows, proofs and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Web => "web",
            Self::Till => "till",
            Self::Desk => "desk",
            Self::PaperScan => "paper_scan",
            Self::DoubleOptIn => "double_opt_in",
        }
    }

    /// The method of that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// What exactly is allowed or not. A record answers only for its own key: consent never widens by likeness.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsentKey {
    pub purpose: Purpose,
    /// `None` for purposes that reach nobody, such as `location`.
    pub channel: Option<Channel>,
    /// `None` for the retailer itself.
    pub partner: Option<PartnerId>,
}

/// Number that every consent change of a customer raises by one, so that a sender can tell whether anything changed since it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after one more change. Saturates: 2^64 changes of one person do not happen.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One declaration of one customer; never changed after it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    pub id: ConsentId,
    pub customer: CustomerId,
    pub key: ConsentKey,
    pub state: ConsentState,
    /// The wording that was shown, by id, version and language.
    pub text: TextVersion,
    /// SHA-256 of that wording.
    pub text_sha256: [u8; 32],
    pub method: Method,
    /// SHA-256 of what was rendered around the wording; `None` where nothing was rendered, as on a withdrawal by letter.
    pub rendered_sha256: Option<[u8; 32]>,
    /// Where the declaration can be looked up, e.g. a scan's name; no personal data.
    pub evidence: Option<String>,
    /// When the customer declared it, by corrected clock.
    pub occurred_at: DateTime<Utc>,
    /// When the cloud committed it.
    pub recorded_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub supersedes: Option<ConsentId>,
    /// The customer's epoch after this change.
    pub epoch: Epoch,
}

/// A change that someone asks for, before the cloud accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentChange {
    pub id: ConsentId,
    pub customer: CustomerId,
    pub key: ConsentKey,
    pub state: ConsentState,
    pub text: TextVersion,
    /// Hash of the wording as the asking surface saw it.
    pub text_sha256: [u8; 32],
    pub method: Method,
    pub rendered_sha256: Option<[u8; 32]>,
    pub evidence: Option<String>,
    pub occurred_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a change was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentChangeRefused {
    #[error("no published text {id} version {version} in {locale}", id = .0.id, version = .0.version, locale = .0.locale)]
    TextNotPublished(TextVersion),
    #[error("the text {id} version {version} is no longer in force", id = .0.id, version = .0.version)]
    TextNotInForce(TextVersion),
    #[error("the hash of the wording shown is not that of the published text")]
    WordingDiffers,
    #[error("the consent record {0} exists with other content")]
    IdReused(ConsentId),
}

/// What recording a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentChanged {
    /// To be stored; the customer's epoch is now `record.epoch`.
    Recorded(Box<ConsentRecord>),
    /// The same change was stored before: nothing to do, the stored record is the answer.
    Known(Box<ConsentRecord>),
}

/// Decides a change against the customer's records. A grant needs the published wording in force; a withdrawal is never refused for
/// its wording, because taking back must be as easy as giving.
pub fn record_change(
    records: &[ConsentRecord],
    texts: &LegalTexts,
    epoch: Epoch,
    change: ConsentChange,
    recorded_at: DateTime<Utc>,
) -> Result<ConsentChanged, ConsentChangeRefused> {
    if let Some(known) = records.iter().find(|record| record.id == change.id) {
        return if same_declaration(known, &change) {
            Ok(ConsentChanged::Known(Box::new(known.clone())))
        } else {
            Err(ConsentChangeRefused::IdReused(change.id))
        };
    }
    match change.state {
        ConsentState::Granted => check_wording(texts, &change)?,
        ConsentState::Withdrawn => {}
    }
    let supersedes = newest(records, &change.key, change.occurred_at).map(|record| record.id);
    Ok(ConsentChanged::Recorded(Box::new(ConsentRecord {
        id: change.id,
        customer: change.customer,
        key: change.key,
        state: change.state,
        text: change.text,
        text_sha256: change.text_sha256,
        method: change.method,
        rendered_sha256: change.rendered_sha256,
        evidence: change.evidence,
        occurred_at: change.occurred_at,
        recorded_at,
        expires_at: change.expires_at,
        supersedes,
        epoch: epoch.next(),
    })))
}

fn same_declaration(known: &ConsentRecord, change: &ConsentChange) -> bool {
    known.customer == change.customer
        && known.key == change.key
        && known.state == change.state
        && known.text == change.text
        && known.text_sha256 == change.text_sha256
        && known.occurred_at == change.occurred_at
}

fn check_wording(texts: &LegalTexts, change: &ConsentChange) -> Result<(), ConsentChangeRefused> {
    let Some(text) = texts.find(&change.text) else {
        return Err(ConsentChangeRefused::TextNotPublished(change.text.clone()));
    };
    if text.sha256 != change.text_sha256 {
        return Err(ConsentChangeRefused::WordingDiffers);
    }
    match texts.standing(&change.text, change.occurred_at) {
        TextStanding::InForce | TextStanding::Compatible => Ok(()),
        TextStanding::RenewalDue => Err(ConsentChangeRefused::TextNotInForce(change.text.clone())),
        TextStanding::NotPublished => Err(ConsentChangeRefused::TextNotPublished(change.text.clone())),
    }
}

/// Why something is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentDenied {
    /// Nothing was ever granted under this key, or the grant ran out.
    NoConsent,
    /// Taken back; the epoch is that of the withdrawal.
    Withdrawn(Epoch),
    /// The wording has changed in substance and was not accepted anew.
    TextRenewalDue,
    /// The profile is restricted: its data may be kept but not used.
    Restricted,
}

/// Everything the question "may we" needs of one customer.
#[derive(Debug, Clone, Copy)]
pub struct ConsentView<'a> {
    pub records: &'a [ConsentRecord],
    pub texts: &'a LegalTexts,
    pub restricted: bool,
}

/// Answers whether `key` is allowed at `at`, and by which record.
pub fn allowed(view: ConsentView<'_>, key: &ConsentKey, at: DateTime<Utc>) -> Result<ConsentId, ConsentDenied> {
    let ConsentView { records, texts, restricted } = view;
    if restricted {
        return Err(ConsentDenied::Restricted);
    }
    let record = newest(records, key, at).ok_or(ConsentDenied::NoConsent)?;
    match record.state {
        ConsentState::Withdrawn => return Err(ConsentDenied::Withdrawn(record.epoch)),
        ConsentState::Granted => {}
    }
    if record.expires_at.is_some_and(|end| end <= at) {
        return Err(ConsentDenied::NoConsent);
    }
    match texts.standing(&record.text, at) {
        TextStanding::InForce | TextStanding::Compatible => Ok(record.id),
        TextStanding::RenewalDue => Err(ConsentDenied::TextRenewalDue),
        TextStanding::NotPublished => Err(ConsentDenied::NoConsent),
    }
}

/// What stood at a past instant: the answer to "which version did she accept, and how" (A68). `None`: nothing was declared by then.
pub fn as_of<'a>(records: &'a [ConsentRecord], key: &ConsentKey, at: DateTime<Utc>) -> Option<&'a ConsentRecord> {
    newest(records, key, at)
}

/// Newest by `occurred_at`; of equal ones the withdrawal, then the later `recorded_at`, then the higher id so that the order is total.
fn newest<'a>(records: &'a [ConsentRecord], key: &ConsentKey, at: DateTime<Utc>) -> Option<&'a ConsentRecord> {
    records.iter().filter(|record| record.key == *key && record.occurred_at <= at).max_by_key(|record| {
        let withdrawn = record.state == ConsentState::Withdrawn;
        (record.occurred_at, withdrawn, record.recorded_at, record.id)
    })
}

#[cfg(test)]
mod tests;
