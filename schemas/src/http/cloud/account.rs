//! Signing in, and who is signed in. Owns these bodies; emits nothing.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::VisitView;
use crate::ids::CustomerId;
use crate::text::Language;

/// Ask for a sign-in code by e-mail. The answer is the same whether the address is known or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SignInStart {
    #[schemars(length(max = 254))]
    pub email: String,
    pub language: Language,
}

/// Give the code from the mail; the answer sets the cookie `aisle_session`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
#[serde(deny_unknown_fields)]
pub struct SignInFinish {
    #[schemars(length(max = 254))]
    pub email: String,
    /// Six digits.
    #[schemars(length(max = 16))]
    pub code: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct Me {
    pub customer: CustomerId,
    pub language: Language,
    /// True right after the account was made: show consent first.
    pub new: bool,
    pub roles: Vec<Role>,
    pub visit: Option<VisitView>,
    /// Interrupts are off until then.
    pub paused_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Customer,
    Marketer,
    Agent,
    Operator,
}

/// Change own settings; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS, Default)]
#[serde(deny_unknown_fields)]
pub struct MeChange {
    pub language: Option<Language>,
    /// Pause marketing for so many days, 0 ends the pause.
    pub pause_days: Option<u16>,
    /// Channels the customer switches off or on, e.g. `push`.
    pub channel: Option<ChannelSwitch>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, TS)]
pub struct ChannelSwitch {
    pub channel: String,
    pub enabled: bool,
}
