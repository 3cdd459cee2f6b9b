//! Who may connect to a broker, and what they may publish and subscribe to.
//!
//! Owns: the accounts of one broker and their grants. Pure data: the embedded broker asks it on every packet, and
//! `mosquitto` writes the same rules as files. Takes: identities, secrets, certificates, topics. Emits: an identity or a typed
//! refusal. On failure: refuses; there is no default that allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aisle_schemas::ids::{DeviceId, InstanceId, NodeId, StoreId};
use aisle_schemas::topic::{self, DECLARATIONS, DeviceKind, Publisher};

use super::credential::Credential;
use super::filter::{filter_covers, filter_is_valid, filter_matches, topic_is_valid};
use crate::tls::{Certificate, Fingerprint};

/// Name of the store's box on its own bus. A device's name holds a dot, so none is called this.
const STORE_NODE: &str = "node";

/// Name of an account: user name, and for nodes and cloud instances also client id and topic level.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

impl AccountName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an account is; decides its name, its grants and which client ids it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A store's box on the broker between stores and cloud (AS-098).
    Node(NodeId),
    /// A cloud instance on that broker (AS-098).
    Cloud(InstanceId),
    /// A store's box on its own in-store bus.
    StoreNode,
    /// A device on the in-store bus.
    Device {
        /// Store it stands in.
        store: StoreId,
        /// Kind of device; with `device` it is the subtree of the bus that the device lives in.
        kind: DeviceKind,
        /// Its id within the kind.
        device: DeviceId,
    },
}

impl Role {
    /// Name of its account: `tenant.store.node`, `cloud.instance`, `node`, or `kind.device`.
    #[must_use]
    pub fn name(&self) -> AccountName {
        match self {
            Self::Node(node) => AccountName(node.to_string()),
            Self::StoreNode => AccountName(STORE_NODE.to_owned()),
            // No tenant is called `cloud`, so this never collides with a node (AS-095).
            Self::Cloud(instance) => AccountName(format!("cloud.{instance}")),
            Self::Device { kind, device, .. } => AccountName(format!("{}.{device}", kind.as_str())),
        }
    }

    /// Filters within which this role may publish.
    #[must_use]
    pub fn publish(&self) -> Vec<String> {
        match self {
            Self::Node(node) => vec![mesh_subtree(Publisher::Node, &node.to_string())],
            Self::Cloud(_) => vec![mesh_subtree(Publisher::Cloud, ANY_LEVEL), partition_state()],
            Self::StoreNode => vec![topic::LOCAL_ALL.to_owned()],
            Self::Device { store, kind, device } => {
                let prefix = topic::device_prefix(store, *kind, device.as_str());
                DECLARATIONS
                    .iter()
                    .filter(|known| known.publisher == Publisher::Device)
                    .filter(|known| known.pattern.split('/').nth(KIND_LEVEL) == Some(kind.as_str()))
                    .filter_map(|known| known.pattern.rsplit('/').next())
                    .map(|leaf| format!("{prefix}{leaf}"))
                    .collect()
            }
        }
    }

    /// Filters within which this role may subscribe.
    #[must_use]
    pub fn subscribe(&self) -> Vec<String> {
        match self {
            Self::Node(node) => vec![mesh_subtree(Publisher::Cloud, &node.to_string()), partition_state()],
            Self::Cloud(_) => vec![mesh_subtree(Publisher::Node, ANY_LEVEL)],
            Self::StoreNode => vec![topic::LOCAL_ALL.to_owned()],
            Self::Device { store, kind, device } => vec![format!("{}#", topic::device_prefix(store, *kind, device.as_str()))],
        }
    }

    /// Nodes and instances use their name (AS-098). A device may run several tools at once under ids of their own
    /// making, but not under the name of another account: it would cut that one off.
    fn client_id_is_exact(&self) -> bool {
        match self {
            Self::Node(_) | Self::Cloud(_) | Self::StoreNode => true,
            Self::Device { .. } => false,
        }
    }
}

/// One level of any value.
pub(super) const ANY_LEVEL: &str = "+";
/// Parameter of the mesh bus that holds the node.
const NODE_PARAMETER: &str = "{node}";
/// Levels of a mesh topic up to and including the way, `up` or `dn`.
const WAY_LEVELS: usize = 5;
/// Place of the kind of device among the levels of the in-store bus.
const KIND_LEVEL: usize = 3;

/// Everything that nodes (`Publisher::Node`) or the cloud (`Publisher::Cloud`) publish about the node `identity`, in any
/// partition. Taken from the declared topics, so that a rule can never name a topic that does not exist.
pub(super) fn mesh_subtree(publisher: Publisher, identity: &str) -> String {
    let declared = DECLARATIONS
        .iter()
        .find(|known| known.publisher == publisher && known.pattern.contains(NODE_PARAMETER))
        .expect("both ends publish topics of a node, a test walks them");
    let levels = declared.pattern.split('/').take(WAY_LEVELS).map(|level| match level {
        NODE_PARAMETER => identity,
        parameter if parameter.starts_with('{') => ANY_LEVEL,
        literal => literal,
    });
    format!("{}/#", levels.collect::<Vec<_>>().join("/"))
}

/// Who owns each partition.
pub(super) fn partition_state() -> String {
    DECLARATIONS
        .iter()
        .find(|known| known.publisher == Publisher::Cloud && !known.pattern.contains(NODE_PARAMETER))
        .expect("the cloud publishes the state of a partition, a test walks it")
        .filter()
}

/// Why a client or one of its packets was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// No user name or no password.
    #[error("user name or password is missing")]
    CredentialsMissing,
    /// No such account. Names are no secret, they stand in topics; the answer on the wire is that of a wrong secret.
    #[error("no such account")]
    AccountUnknown,
    /// The secret is not that of the account.
    #[error("wrong secret")]
    SecretWrong,
    /// The connection shows no certificate of ours.
    #[error("no certificate of ours was shown")]
    CertificateMissing,
    /// The certificate was revoked.
    #[error("certificate was revoked")]
    CertificateRevoked,
    /// The client id belongs to somebody else.
    #[error("client id is not one this account may use")]
    ClientIdForeign,
    /// The will goes to a topic that the account may not publish to.
    #[error("will is outside the account's topics")]
    WillForbidden,
    /// The topic is outside the account's grants.
    #[error("topic is outside the account's topics")]
    PublishForbidden,
    /// The filter reaches outside the account's grants.
    #[error("filter reaches outside the account's topics")]
    SubscribeForbidden,
}

impl Refusal {
    /// Value of the metric label `reason`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CredentialsMissing => "credentials_missing",
            Self::AccountUnknown => "account_unknown",
            Self::SecretWrong => "secret_wrong",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateRevoked => "certificate_revoked",
            Self::ClientIdForeign => "client_id_foreign",
            Self::WillForbidden => "will_forbidden",
            Self::PublishForbidden => "publish_forbidden",
            Self::SubscribeForbidden => "subscribe_forbidden",
        }
    }
}

/// One account with its grants, worked out once because every publish asks for them.
#[derive(Debug, Clone)]
pub struct Account {
    role: Role,
    credential: Option<Credential>,
    publish: Vec<String>,
    subscribe: Vec<String>,
}

impl Account {
    /// What the account is.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// What its secret is checked against; `None` where it signs in with a certificate alone.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }
}

/// Rules of one broker.
#[derive(Debug, Clone, Default)]
pub struct AccessRules {
    accounts: BTreeMap<String, Account>,
    revoked: BTreeSet<Fingerprint>,
}

impl AccessRules {
    /// Rules that let nobody in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets an account in, or replaces its role and secret. Returns the name it signs in with.
    pub fn admit(&mut self, role: Role, credential: Credential) -> AccountName {
        self.enter(role, Some(credential))
    }

    /// Lets an account in that has no secret: its certificate says who it is (AS-098).
    pub fn admit_certified(&mut self, role: Role) -> AccountName {
        self.enter(role, None)
    }

    fn enter(&mut self, role: Role, credential: Option<Credential>) -> AccountName {
        let name = role.name();
        let account = Account { publish: role.publish(), subscribe: role.subscribe(), role, credential };
        self.accounts.insert(name.as_str().to_owned(), account);
        name
    }

    /// Certificates that are shut out.
    #[must_use]
    pub fn revoked(&self) -> &BTreeSet<Fingerprint> {
        &self.revoked
    }

    /// Shuts out exactly these certificates, whoever holds them.
    pub fn set_revoked(&mut self, revoked: BTreeSet<Fingerprint>) {
        self.revoked = revoked;
    }

    /// Shuts an account out: its next connect, publish and subscribe are refused. Returns whether it existed.
    pub fn expel(&mut self, name: &str) -> bool {
        self.accounts.remove(name).is_some()
    }

    /// All accounts by name.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &Account)> {
        self.accounts.iter().map(|(name, account)| (name.as_str(), account))
    }

    /// Decides a CONNECT; `will` is the topic of the last will.
    ///
    /// # Errors
    /// The first reason that applies.
    pub fn authenticate(
        &self,
        client_id: &str,
        username: Option<&str>,
        password: Option<&[u8]>,
        will: Option<&str>,
    ) -> Result<AccountName, Refusal> {
        let (Some(username), Some(password)) = (username, password) else {
            return Err(Refusal::CredentialsMissing);
        };
        let account = self.accounts.get(username).ok_or(Refusal::AccountUnknown)?;
        if !account.credential.as_ref().is_some_and(|credential| credential.accepts(password)) {
            return Err(Refusal::SecretWrong);
        }
        self.take_in(username, account, client_id, will)
    }

    /// Whether the holder of a certificate may be here at all.
    ///
    /// # Errors
    /// When the certificate was revoked or its account is gone.
    pub fn certified(&self, certificate: &Certificate) -> Result<(), Refusal> {
        if self.revoked.contains(&certificate.fingerprint) {
            return Err(Refusal::CertificateRevoked);
        }
        let known = self.accounts.contains_key(certificate.identity.name().as_str());
        if known { Ok(()) } else { Err(Refusal::AccountUnknown) }
    }

    /// Decides a CONNECT over TLS: the certificate alone says who it is, whatever user name and password are sent (AS-098).
    ///
    /// # Errors
    /// The first reason that applies.
    pub fn authenticate_certified(&self, certificate: &Certificate, client_id: &str, will: Option<&str>) -> Result<AccountName, Refusal> {
        self.certified(certificate)?;
        let name = certificate.identity.name();
        let account = self.accounts.get(name.as_str()).ok_or(Refusal::AccountUnknown)?;
        self.take_in(name.as_str(), account, client_id, will)
    }

    /// What holds for a client whose identity is proven.
    fn take_in(&self, username: &str, account: &Account, client_id: &str, will: Option<&str>) -> Result<AccountName, Refusal> {
        let own_id = client_id == username;
        let free_id = !account.role.client_id_is_exact() && !self.accounts.contains_key(client_id);
        if !own_id && !free_id {
            return Err(Refusal::ClientIdForeign);
        }
        if will.is_some_and(|topic| !account.publishes(topic)) {
            return Err(Refusal::WillForbidden);
        }
        Ok(AccountName(username.to_owned()))
    }

    /// Decides a PUBLISH of an authenticated account.
    ///
    /// # Errors
    /// When the account is gone or the topic is not granted.
    pub fn may_publish(&self, name: &str, topic: &str) -> Result<(), Refusal> {
        let account = self.accounts.get(name).ok_or(Refusal::AccountUnknown)?;
        if account.publishes(topic) { Ok(()) } else { Err(Refusal::PublishForbidden) }
    }

    /// Decides one filter of a SUBSCRIBE: it must stay within a single granted filter.
    ///
    /// # Errors
    /// When the account is gone or the filter reaches further.
    pub fn may_subscribe(&self, name: &str, filter: &str) -> Result<(), Refusal> {
        let account = self.accounts.get(name).ok_or(Refusal::AccountUnknown)?;
        let granted = filter_is_valid(filter) && account.subscribe.iter().any(|within| filter_covers(within, filter));
        if granted { Ok(()) } else { Err(Refusal::SubscribeForbidden) }
    }
}

impl Account {
    fn publishes(&self, topic: &str) -> bool {
        topic_is_valid(topic) && self.publish.iter().any(|within| filter_matches(within, topic))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretString};

    use super::*;
    use crate::broker::credential::{SALT_BYTES, SECRET_BYTES, secret_from_random};

    fn secret(seed: u8) -> SecretString {
        secret_from_random([seed; SECRET_BYTES])
    }

    fn credential(seed: u8) -> Credential {
        Credential::of(&secret(seed), [seed; SALT_BYTES])
    }

    fn screen(device: &str) -> Role {
        Role::Device { store: StoreId::parse("s042").unwrap(), kind: DeviceKind::Screen, device: DeviceId::parse(device).unwrap() }
    }

    fn cloud_rules() -> AccessRules {
        let mut rules = AccessRules::new();
        rules.admit(Role::Node(NodeId::parse("acme.s042.n1").unwrap()), credential(1));
        rules.admit(Role::Cloud(InstanceId::parse("eu1-a").unwrap()), credential(2));
        rules
    }

    fn local_rules() -> AccessRules {
        let mut rules = AccessRules::new();
        rules.admit(Role::StoreNode, credential(1));
        rules.admit(screen("window-1"), credential(2));
        rules.admit(screen("window-2"), credential(3));
        rules
    }

    fn connect(rules: &AccessRules, client_id: &str, name: &str, seed: u8, will: Option<&str>) -> Result<(), Refusal> {
        rules.authenticate(client_id, Some(name), Some(secret(seed).expose_secret().as_bytes()), will).map(|_| ())
    }

    #[test]
    fn as_098_cloud_broker_grants_exactly_the_table() {
        let rules = cloud_rules();
        let node = "acme.s042.n1";
        let cloud = "cloud.eu1-a";
        for topic in ["aisle/1/04/acme.s042.n1/up/hello", "aisle/1/04/acme.s042.n1/up/s/sess"] {
            assert_eq!(rules.may_publish(node, topic), Ok(()), "{topic}");
            assert_eq!(rules.may_publish(cloud, topic), Err(Refusal::PublishForbidden), "{topic}");
        }
        for topic in ["aisle/1/04/acme.s042.n1/dn/welcome", "aisle/1/04/state"] {
            assert_eq!(rules.may_publish(cloud, topic), Ok(()), "{topic}");
            assert_eq!(rules.may_publish(node, topic), Err(Refusal::PublishForbidden), "{topic}");
        }
        for filter in ["aisle/1/04/acme.s042.n1/dn/#", "aisle/1/+/acme.s042.n1/dn/#", "aisle/1/04/state", "aisle/1/+/state"] {
            assert_eq!(rules.may_subscribe(node, filter), Ok(()), "{filter}");
            assert_eq!(rules.may_subscribe(cloud, filter), Err(Refusal::SubscribeForbidden), "{filter}");
        }
        for filter in ["aisle/1/+/+/up/#", "aisle/1/04/+/up/#"] {
            assert_eq!(rules.may_subscribe(cloud, filter), Ok(()), "{filter}");
            assert_eq!(rules.may_subscribe(node, filter), Err(Refusal::SubscribeForbidden), "{filter}");
        }
        for filter in ["#", "aisle/#", "aisle/1/+/+/dn/#", "aisle/1/04/acme.s042.n2/dn/#", "$share/x/aisle/1/+/state", "$SYS/#"] {
            assert_eq!(rules.may_subscribe(node, filter), Err(Refusal::SubscribeForbidden), "{filter}");
        }
        assert_eq!(rules.may_publish(node, "aisle/1/04/acme.s042.n2/up/hello"), Err(Refusal::PublishForbidden));
    }

    #[test]
    fn as_098_a_node_connects_under_its_own_client_id_only() {
        let rules = cloud_rules();
        assert_eq!(connect(&rules, "acme.s042.n1", "acme.s042.n1", 1, None), Ok(()));
        assert_eq!(connect(&rules, "other", "acme.s042.n1", 1, None), Err(Refusal::ClientIdForeign));
        assert_eq!(connect(&rules, "acme.s042.n1", "cloud.eu1-a", 2, None), Err(Refusal::ClientIdForeign));
    }

    #[test]
    fn wrong_missing_and_unknown_credentials_are_told_apart() {
        let rules = cloud_rules();
        assert_eq!(connect(&rules, "acme.s042.n1", "acme.s042.n1", 9, None), Err(Refusal::SecretWrong));
        assert_eq!(connect(&rules, "x", "x", 1, None), Err(Refusal::AccountUnknown));
        assert_eq!(rules.authenticate("x", None, Some(b"x"), None), Err(Refusal::CredentialsMissing));
        assert_eq!(rules.authenticate("x", Some("x"), None, None), Err(Refusal::CredentialsMissing));
    }

    #[test]
    fn a_device_publishes_what_devices_publish_in_its_own_subtree_only() {
        let rules = local_rules();
        let screen = "screen.window-1";
        assert_eq!(rules.may_publish(screen, "local/1/s042/screen/window-1/pop"), Ok(()));
        for topic in [
            "local/1/s042/screen/window-2/pop",
            "local/1/s042/screen/window-1/plan",
            "local/1/s042/nfc/window-1/tap",
            "local/1/s043/screen/window-1/pop",
        ] {
            assert_eq!(rules.may_publish(screen, topic), Err(Refusal::PublishForbidden), "{topic}");
        }
        assert_eq!(rules.may_subscribe(screen, "local/1/s042/screen/window-1/#"), Ok(()));
        assert_eq!(rules.may_subscribe(screen, "local/1/s042/screen/window-1/plan"), Ok(()));
        for filter in ["local/1/s042/screen/+/plan", "local/1/s042/screen/window-2/plan", "local/1/#", "#"] {
            assert_eq!(rules.may_subscribe(screen, filter), Err(Refusal::SubscribeForbidden), "{filter}");
        }
    }

    #[test]
    fn the_stores_node_has_its_whole_bus() {
        let rules = local_rules();
        for declared in DECLARATIONS.iter().filter(|known| known.pattern.starts_with("local/")) {
            let topic = declared.filter().replace('+', "s042");
            assert_eq!(rules.may_publish("node", &topic), Ok(()), "{topic}");
        }
        assert_eq!(rules.may_subscribe("node", topic::LOCAL_ALL), Ok(()));
        assert_eq!(rules.may_subscribe("node", "aisle/1/#"), Err(Refusal::SubscribeForbidden));
    }

    #[test]
    fn a_device_may_not_cut_off_another_account_by_its_client_id() {
        let rules = local_rules();
        assert_eq!(connect(&rules, "screen.window-1", "screen.window-1", 2, None), Ok(()));
        assert_eq!(connect(&rules, "mosq-1234", "screen.window-1", 2, None), Ok(()));
        assert_eq!(connect(&rules, "screen.window-2", "screen.window-1", 2, None), Err(Refusal::ClientIdForeign));
        assert_eq!(connect(&rules, "node", "screen.window-1", 2, None), Err(Refusal::ClientIdForeign));
    }

    #[test]
    fn a_will_outside_the_grants_is_refused_at_connect() {
        let rules = local_rules();
        let own = Some("local/1/s042/screen/window-1/state");
        let other = Some("local/1/s042/screen/window-2/state");
        assert_eq!(connect(&rules, "screen.window-1", "screen.window-1", 2, own), Ok(()));
        assert_eq!(connect(&rules, "screen.window-1", "screen.window-1", 2, other), Err(Refusal::WillForbidden));
    }

    #[test]
    fn an_expelled_account_loses_its_grants_at_once() {
        let mut rules = local_rules();
        assert!(rules.expel("screen.window-1"));
        assert!(!rules.expel("screen.window-1"));
        assert_eq!(rules.may_publish("screen.window-1", "local/1/s042/screen/window-1/pop"), Err(Refusal::AccountUnknown));
        assert_eq!(connect(&rules, "screen.window-1", "screen.window-1", 2, None), Err(Refusal::AccountUnknown));
    }
}
