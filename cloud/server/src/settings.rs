//! What an instance knows from its configuration, parsed once.
//!
//! Owns [`Settings`] and [`StoreInfo`]. Takes a checked configuration; emits typed values that every route and actor shares. Never changes
//! while the instance runs.

use std::collections::{BTreeMap, BTreeSet};

use aisle_cloud_core::gate::GatePolicy;
use aisle_schemas::{
    code::StoreKey,
    ids::{NodeId, ScreenId, StoreId},
    store::StoreProfile,
};
use chrono_tz::Tz;
use secrecy::ExposeSecret;

use crate::{
    config::{CloudConfig, StoreConfig},
    routes::origin::OwnOrigin,
};

/// A store of this cloud.
#[derive(Debug, Clone)]
pub struct StoreInfo {
    pub node: NodeId,
    pub profile: StoreProfile,
    pub zone: Tz,
    /// Checks door and tap codes.
    pub key: StoreKey,
    /// Screens that have a programme.
    pub screens: BTreeSet<ScreenId>,
}

/// See the module.
pub struct Settings {
    /// Whether cookies are marked secure.
    pub secure: bool,
    /// Where our own pages are.
    pub origin: OwnOrigin,
    pub demo: bool,
    pub content_security_policy: String,
    pub policy: GatePolicy,
    pub stores: BTreeMap<StoreId, StoreInfo>,
}

impl Settings {
    /// Reads a configuration that passed its check.
    pub fn of(config: &CloudConfig) -> Self {
        let nodes: Vec<&str> = config.stores.iter().filter_map(|store| store.node_url.as_deref()).collect();
        let stores = config
            .stores
            .iter()
            .map(|store: &StoreConfig| {
                let info = StoreInfo {
                    node: store.node_id(),
                    profile: store.profile.clone(),
                    zone: store.profile.time_zone.parse().expect("the configuration was checked"),
                    key: StoreKey::from_hex(store.store_key.expose_secret()).expect("the configuration was checked"),
                    screens: store.screens.iter().map(|programme| programme.screen.clone()).collect(),
                };
                (store.store.clone(), info)
            })
            .collect();
        Self {
            secure: config.public_url.starts_with("https://"),
            origin: OwnOrigin::of(&config.public_url),
            demo: config.demo,
            content_security_policy: aisle_web::content_security_policy(&nodes),
            policy: GatePolicy::default(),
            stores,
        }
    }

    /// Name of a store, for people.
    pub fn store_name(&self, store: &StoreId) -> String {
        self.stores.get(store).map_or_else(|| store.to_string(), |info| info.profile.name.clone())
    }
}
